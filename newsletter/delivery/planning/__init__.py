"""Schedules a mailing with a frozen letter (approving.py), and fixes its audience when it is due (beginning.py)."""
