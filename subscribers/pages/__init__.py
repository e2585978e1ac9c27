"""The doors of readers: sign up, confirm, preferences, leave. GET changes nothing."""
