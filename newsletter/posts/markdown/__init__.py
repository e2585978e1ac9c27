"""Markdown to HTML for web and mail; `render` is the entry."""

RENDERER_VERSION = "10"
"""Change it whenever the HTML or the measures (`text`) of a source may change: all posts are rendered again."""
