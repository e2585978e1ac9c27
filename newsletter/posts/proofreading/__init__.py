"""The format check: typos of punctuation, markup and terms that an editor would correct."""
