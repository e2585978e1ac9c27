"""The WSGI application, served by rsgi.py, or by any WSGI server behind a buffering proxy."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")

application = get_wsgi_application()
