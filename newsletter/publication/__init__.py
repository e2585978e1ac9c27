"""Who we are: one row (`models.py`) that everybody may ask, and what every page has in common.

pictures/ turns uploads, logos and cards into pictures. `bodies`, `limits` and `doors` bound what strangers may send,
how often and from where. `kept` keeps whole pages until something in them has changed. `look` makes the style of pages.

Begin with `models.py`, then `kept.py`.
"""
