"""Readers: sign-up, consent, preferences, departures, and suppressed addresses.

pages/ has the public pages; `forms` and `signup` check their input; models/ stores readers with an append-only record
of consents; mails/ sends confirmations and links. `departures` is a file outside the database, which
`replay_departures` applies after a restore. `pending_unsubscribes` keeps one-click requests while the database is away.

What a reader's name may contain: `one_line` in `addresses.py`. Who is mailed: `is_mailable` in `models/readers.py`.

Begin with `models/readers.py`, then `pages/views.py`.
"""
