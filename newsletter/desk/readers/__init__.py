"""Screens of readers that need the apps above `subscribers`, such as deliveries."""
