"""Full-text search that finds Chinese words of two characters."""
