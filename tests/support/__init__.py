"""Fixtures: real servers, a real browser, and the real product."""
