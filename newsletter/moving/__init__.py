"""Moving in and out: a folder of Markdown and pictures stands between any two programs.

converters/ write an export of another program as such a folder, and know nothing of a site. folder/ is the format:
written, read, checked. taking/ makes posts, redirects and issues of a folder, or an equal site of one's own export.
The commands join them, as the desk does.

Begin with `folder/layout.py`. Why a folder: decision 132.
"""
