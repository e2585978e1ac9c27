"""The page on which posts move in: a file, what it is, what would happen, the decision, and what became of it.

Its work is done in desk/intake/. Begin with `pages.py`.
"""
