"""What files of Markdown say in the ways of Hugo, Jekyll, Hexo, Docusaurus and Obsidian.

`files/` finds them and reads what stands at their head; `shortcodes.py` writes their own marks as Markdown: those of
Liquid and Hugo (`tags.py`) with an end (`paired.py` finds them, `pairs.py` writes them) and without one (`singles.py`),
what themes brought (`themes.py`), boxes of MkDocs (`indented.py`) and between colons (`colons.py`), titles of code
(`fences.py`), kramdown's attributes (`kramdown.py`), signs of other renderers (`signs.py`), formulas, notes in the
sentence (`notes.py`), HTML that no page here shows (`raw_html.py`), what Obsidian and Docusaurus have, and links to
files that stay behind (`left_behind.py`). `../markdown_folder.py` puts them together.
"""
