"""Posts: written in Markdown, rendered, searched and served.

proofreading/ checks the typed text. markdown/ renders it, and models/renderings.py caches the result for pages, feeds
and letters. search/ indexes posts and the documents of other packages. text/ measures and compares plain text, without
a database.

How the search matches spellings such as 臺 and 台: `search/folding.py`.

Begin with `models/posts.py`, then `markdown/render.py`.
"""
