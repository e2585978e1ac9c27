"""The WSGI application. rsgi.py serves it; any other server may, behind a proxy that buffers bodies and answers."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")

application = get_wsgi_application()
