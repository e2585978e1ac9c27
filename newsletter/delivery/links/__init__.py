"""Counts clicks on the links of an issue: about how many people, never who."""
