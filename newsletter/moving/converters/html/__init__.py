"""HTML of other programs becomes Markdown: nothing is lost without a note. Begin with `converting.py`."""
