"""Mails to the author, and what they answer: alerts, reminders before a slot, the page to approve."""
