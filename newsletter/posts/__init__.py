"""A post: a text on the web, written in Markdown, read, found.

The way of a post: what the author types is checked (proofreading/), rendered once for each form (markdown/) and
kept (models/renderings.py); views, feeds and letters read what was kept. search/ keeps the words of posts, and of
documents that other rooms hand down. text/ measures and compares plain text and needs no database.

Where to look: how the search folds 臺 and 台, and other spellings of one word: `search/folding.py`.

Begin with `models/posts.py`, then `markdown/render.py`.
"""
