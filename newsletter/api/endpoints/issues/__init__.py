"""Issues by the API: composed, rehearsed, scheduled, stopped, and what became of them. Begin with `reading.py`."""
