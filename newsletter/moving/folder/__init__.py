"""The format of a folder that moves: written, read, checked."""
