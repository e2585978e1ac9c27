"""Mails to single readers (welcome, course, missed issues, answers), and pages for feedback, quotes and changes."""
