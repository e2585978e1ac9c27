"""What single readers get and answer: the welcome mail and feedback."""
