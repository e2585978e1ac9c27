"""Plain text: which characters are Chinese, how long a text is, what was lost. No database."""
