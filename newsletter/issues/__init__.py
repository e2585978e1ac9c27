"""Issues: numbered, dated collections of posts, the unit of the archive and of a mailing.

The author composes an issue of posts (`forms`, `models`) for a slot that `cadence` counts on the local calendar. When
its mailing starts, `delivery` marks it as sent, and it appears in the archive (`views`, `years`), in the search
(`archiving`) and in the sitemap.

Start with `models.py`, then `cadence.py`.
"""
