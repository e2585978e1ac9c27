"""The pictures of posts that move in: where they are found, and how a text learns their new addresses.

`finding.py` looks into a zip, folders and, if asked to, the web; `placing.py` puts them into the text.
"""
