"""Imports a folder as posts, issues and redirects, or as a whole site."""
