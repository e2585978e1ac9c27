"""How numbers and times are written, by language, where Django does not know it, or does it otherwise than the desk."""
