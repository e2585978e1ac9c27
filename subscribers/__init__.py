"""Readers: who asked for letters, how they change their mind, and addresses that must not be mailed.

The way of a reader: pages/ are the doors; `signup` and `forms` take what was typed; models/ keeps it, with a record
of consents that only grows; mails/ sends confirmations and links when they are due. `departures` is a file outside the
database that a restore replays (`remembering`), and `wishes` keeps what came while the database was away.

Begin with `models/readers.py`, then `pages/views.py`.
"""
