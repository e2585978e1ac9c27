"""HTML of other programs becomes the Markdown of this house: nothing is lost without a note.

`tree.py` reads HTML as a browser does, `cards.py` makes plain HTML of what programs mark by classes, `footnotes.py`
finds notes by their links, `blocks.py` and `inlines.py` write Markdown, and `converting.py` compares what comes out
with what went in: a block that our renderer would show otherwise is written with more care, and at last as HTML.

Begin with `converting.py`.
"""
