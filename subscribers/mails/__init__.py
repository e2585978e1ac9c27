"""Mails to single readers: confirmation, change of address, link to their own data."""
