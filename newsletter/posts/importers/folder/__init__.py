"""What files of Markdown say in the ways of Hugo, Jekyll, Hexo, Docusaurus and Obsidian.

`fields.py` reads their front matter; `shortcodes.py`, `obsidian.py` and `docusaurus.py` write their own marks as
Markdown, with the boxes of `boxes.py`; `addresses.py` guesses where a file was to be read.
`../markdown_folder.py` puts them together.
"""
