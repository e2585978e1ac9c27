"""What files of Markdown say in the ways of Hugo, Jekyll, Hexo, Docusaurus and Obsidian.

`fields.py` reads their front matter; `shortcodes.py` writes their own marks as Markdown: those of Liquid and Hugo
(`tags.py`) with an end (`paired.py` finds them, `pairs.py` writes them) and without one (`singles.py`), what themes
brought (`themes.py`), boxes of MkDocs (`indented.py`) and between colons (`colons.py`), titles of code (`fences.py`),
kramdown's attributes (`kramdown.py`), signs of other renderers (`signs.py`), formulas, notes in the sentence
(`notes.py`), HTML that no page here shows (`raw_html.py`), and what Obsidian and Docusaurus have. `addresses.py`
guesses where a file was to be read. `../markdown_folder.py` puts them together.
"""
