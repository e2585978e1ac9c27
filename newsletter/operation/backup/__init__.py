"""Backups: all that an installation is, in one file; brought back by one command, and tried each month.

`archive` writes and reads the file: a tar with a manifest first and the hashes of everything last. `engines` dumps and
loads the database, `contents` knows what lies beside it. `making`, `restoring` and `drill` put these together for the
commands `backup`, `restore` and `check_backup`; `nights` decides when one is made by itself and which are kept.

Begin with `making.py`. Why it is so: docs/decisions/0094-a-backup-is-one-file.md.
"""
