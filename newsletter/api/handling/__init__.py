"""What happens to every request alike: how fast they may come, how they are read, done once, and fail."""
