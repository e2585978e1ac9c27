"""The Celery application. When something runs by itself stands in settings, not here."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")

TRANSPORT_ALIASES["files"] = "newsletter.queue:Transport"  # the scheme of the embedded queue's URL

app = Celery("newsletter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
