"""Whole pages, kept in the process until something in them changes."""
