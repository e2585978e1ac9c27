"""Who we are: one row (`models.py`) that everybody may ask, and what every page has in common.

pictures/ turns uploads, logos and cards into pictures. limits/ bounds what strangers may send and how often. kept/
keeps whole pages until something in them has changed. `look` and `layout` make the style of pages.

Begin with `models.py`, then `kept/pages.py`.
"""
