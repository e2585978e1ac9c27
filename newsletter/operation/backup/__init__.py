"""Backups: all that an installation is, in one file; brought back by one command, and tried each month.

Begin with `making.py`. Why it is so: docs/decisions/0094-a-backup-is-one-file.md.
"""
