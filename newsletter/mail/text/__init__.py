"""The words of a mail as lines of text: its text part, where lines break, and the space between two scripts."""
