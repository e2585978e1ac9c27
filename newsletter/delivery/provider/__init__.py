"""Hands messages to a mail server or an e-mail API, and classifies its replies."""
