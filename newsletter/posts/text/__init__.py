"""Plain text: scripts, length, diffs, and text that rendering lost. No database."""
