"""Readers: who asked for letters, how they change their mind, and addresses that must not be mailed.

The way of a reader: pages/ are the public pages; `signup` and `forms` check what was typed; models/ keeps it, with a
record of consents that only grows; mails/ sends confirmations and links when they are due. `departures` is a file
outside the database that a restore replays (`remembering`, which also keeps what readers asked while it was away).

Where to look: what a reader's name may contain: `one_line` in `addresses.py`. Who is mailed: `is_mailable` in
`models/readers.py`.

Begin with `models/readers.py`, then `pages/views.py`.
"""
