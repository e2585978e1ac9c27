"""The format check: what an editor would object to in a post. Changes nothing by itself."""
