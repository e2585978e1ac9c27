"""Exports of other programs become folders of posts. No database, no running site: a process of its own with limits.

`detection.py` finds the converter, a class in a module by the program's name; `convert.py` writes the folder. html/
makes Markdown of HTML, markdown/ of what Hugo, Hexo, Jekyll, MkDocs and Obsidian add to it.

Begin with `converter.py`, then `substack.py`, the shortest. docs/moving.md shows how a new one is written.
"""
