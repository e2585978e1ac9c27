"""Addresses of an old site that are asked for here: `answering.py` leads them on.

The rows are in `../models/redirects.py`; importers write them, and the author on the desk.
"""
