"""The Django project: wiring only. Each room of the house is a package of its own."""

from newsletter.celery import app as celery_app

__all__ = ["celery_app"]
