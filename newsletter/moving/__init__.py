"""Moving in and out: a folder of Markdown and pictures stands between any two programs.

converters/ write exports of other programs as such a folder, and know nothing of a site. folder/ is the format. taking/
makes posts, redirects and issues of a folder, or an equal site of an export. The commands and the desk join them.

Begin with `folder/layout.py`. Why a folder: decision 132.
"""
