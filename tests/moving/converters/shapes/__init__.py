"""Exports in the shape in which other programs write them, with words of our own."""
