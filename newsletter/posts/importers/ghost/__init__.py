"""Ghost's export, of every age: JSON as Ghost writes it, or the zip in which it lies beside its pictures.

`export.py` finds the tables in the file, `bodies.py` reads what a post was written in, whichever of four forms it is:
`lexical.py`, `mobiledoc.py` and `cards.py` make HTML of two of them. `source.py` puts posts together.

Sources: TryGhost/Ghost (ghost/core/core/server/data/schema), TryGhost/Koenig (kg-default-nodes, kg-default-cards),
bustle/mobiledoc-kit (MOBILEDOC.md).
"""
