"""Passkeys, sessions, known browsers and failed login attempts."""
