"""Addresses of an old site that are asked for here: `answering.py` leads them on, or counts what is missing.

The rows are in `../models/redirects.py`; importers write them, and the author on the desk.
"""
