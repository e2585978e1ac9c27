"""What is in a folder becomes posts, issues and redirects, or a whole site."""
