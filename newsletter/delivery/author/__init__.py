"""What the author is told and asked: alerts, reminders before a slot, the door to approve."""
