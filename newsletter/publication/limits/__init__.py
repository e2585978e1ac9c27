"""Bounds on what strangers may send and how often."""
