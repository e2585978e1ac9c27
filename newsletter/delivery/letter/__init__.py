"""The letter of an issue: rendered once, frozen, and compiled for each reader."""
