"""The Django project: settings, URLs, Celery and the web server. Each app is a package of its own."""

from newsletter.celery import app as celery_app

__all__ = ["celery_app"]
