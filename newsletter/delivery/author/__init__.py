"""Mails to the author (alerts, reminders, results), and the pages they link to: approve, cancel, calendar."""
