"""Real servers, a real browser and the real product, for tests that want the outside."""
