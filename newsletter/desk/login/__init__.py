"""The way in, and the fresh proof that dangerous screens ask for."""
