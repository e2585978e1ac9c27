"""A year of issues as one thing to keep: a book for reading devices (EPUB 3), and one page for a printer.

Both hold every issue of the year, each post once and in full. They are made an issue at a time, when somebody asks, and
kept until what they hold changes. Begin with `views.py`, then `book.py`; `epub.py` knows nothing of issues.
"""
