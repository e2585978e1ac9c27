"""Mails to the author, and what they answer: alerts, reminders before a slot, the pages to approve and to cancel."""
