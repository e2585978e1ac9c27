"""Public pages of readers: sign-up, confirmation, preferences, unsubscribe. GET changes nothing."""
