"""What single readers get and answer: the welcome, what was missed in a pause, an issue once more, and feedback."""
