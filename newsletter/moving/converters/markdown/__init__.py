"""What Hugo, Hexo, Jekyll, MkDocs and Obsidian add to Markdown, as plain Markdown. Begin with `marks.py`, a table."""
