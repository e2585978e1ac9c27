"""A year of issues as one thing to keep: a book for reading devices (EPUB 3), and one page for a printer.

Both hold every issue of the year, each post once and in full. They are made bit by bit into a file, an issue at a time,
when somebody asks, and kept until what they hold changes (`keeping`). Begin with `views.py`, then `book.py`; `epub.py`
and `xhtml.py` know nothing of issues.
"""
