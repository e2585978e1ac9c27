"""Backups: a whole installation in one file, restored by one command, and tested monthly.

Begin with `making.py`. Why it is so: docs/decisions/0094-a-backup-is-one-file.md.
"""
