"""What files of Markdown say in the ways of Hugo, Jekyll, Hexo, Docusaurus and Obsidian.

`fields.py` reads their front matter, `shortcodes.py` writes their own marks as Markdown, `addresses.py` guesses where a
file was to be read. `../markdown_folder.py` puts them together.
"""
