"""The author's side: screens on top of all rooms.

`site.py` is the admin site and knows every screen. issues/ leads from a composed issue to its readers and shows what
became of it. calendar/ shows a year and shifts the rhythm. login/ lets people in and asks for a fresh
proof. settings/ holds the screens of accounts. accounts/ knows passkeys, sessions and failed attempts, and shows
nothing.

Begin with `site.py`, then `issues/scheduling.py`. Who may do what is in `rights.py`.
"""
