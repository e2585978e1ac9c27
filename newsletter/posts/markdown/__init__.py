"""From Markdown to HTML for web and mail; `render` puts the parts together."""

RENDERER_VERSION = "10"
"""Changes whenever the same source may give other HTML or other measures (`text`): all is then rendered anew."""
