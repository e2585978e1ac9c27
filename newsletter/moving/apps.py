from django.apps import AppConfig


class MovingConfig(AppConfig):
    name = "newsletter.moving"
    label = "moving"
