"""A numbered, dated collection of posts: the unit of the archive and of a mailing.

The way of an issue: the author composes it of posts (`forms`, `models`), for a slot that `cadence` counts on the local
calendar. When its mailing begins, `delivery` marks it as sent, and it appears in the archive (`views`, `years`), in the
search (`archiving`) and in the sitemap.

Begin with `models.py`, then `cadence.py`.
"""
