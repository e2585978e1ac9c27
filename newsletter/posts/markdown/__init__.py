"""From Markdown to HTML for web and mail; `render` puts the parts together."""
