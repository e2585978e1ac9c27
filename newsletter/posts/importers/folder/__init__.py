"""Files of Markdown in the ways of Hugo, Jekyll, Hexo, MkDocs and Obsidian."""
