"""Exports in the form that Ghost 5 and 6 import: for whoever goes there, or to any program that reads Ghost's files.

`addresses` says where everything is in the new place, and `bodies` makes of a text what Ghost's editor can open.
`tables` are the rows of Ghost's database, `members` its list of readers, `redirects` lead old addresses to new ones.
`exporting` writes the folder: three files, each for one button of Ghost's settings.

Sources: TryGhost/Ghost (ghost/core/core/server/data/importer, services/members/importer, services/custom-redirects),
TryGhost/Koenig (kg-default-nodes, kg-html-to-lexical).
"""
