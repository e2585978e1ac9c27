"""Readers by the API: found, added as asked, cared for, taken away as a list. Begin with `reading.py`."""
