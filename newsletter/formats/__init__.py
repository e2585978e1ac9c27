"""How numbers are written, by language, where Django does not know it."""
