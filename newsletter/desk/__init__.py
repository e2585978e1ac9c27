"""The author's screens: Django's admin with our own pages in it.

`site.py` is the admin site and lists every screen. issues/ has the screens of an issue and its mailings, readers/ those
of subscribers, settings/ the settings and accounts. jobs/ runs long work in the background. accounts/ handles passkeys,
sessions and failed logins without any screen; `login.py` has the login views.

Begin with `site.py`, then `issues/scheduling.py`. `permissions.py` says who may do what.
"""
