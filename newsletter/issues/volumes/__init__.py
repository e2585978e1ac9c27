"""All issues of a year as an EPUB 3 book and as one printable page.

Each post appears once, in full. Files are written an issue at a time, on request, and cached until the content changes.
Start with `views.py`, then `book.py`; `epub.py` does not depend on issues.
"""
