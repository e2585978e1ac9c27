"""The author's side: screens on top of all rooms.

`site.py` is the admin site and knows every screen. issues/ leads from a composed issue to its readers and shows what
became of it, readers/ shows who they are and what they say, settings/ holds the settings and accounts. jobs/ works in
the background. accounts/ knows passkeys, sessions and failed attempts, and shows nothing; `login.py` lets people in.

Begin with `site.py`, then `issues/scheduling.py`. Who may do what is in `rights.py`.
"""
