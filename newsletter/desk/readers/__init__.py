"""The author's side of readers where it needs what was sent to them; what needs the readers alone is in subscribers."""
