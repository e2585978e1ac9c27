"""The limit of the server: this project's settings and middleware, and one view of one line. Served by reading.py."""

import os
from types import ModuleType

import django
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")


def one_line(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello")


urlconf = ModuleType("one_line_urls")
urlconf.urlpatterns = [path("one-line/", one_line)]  # type: ignore[attr-defined]  # a module made here

django.setup()
from django.conf import settings  # noqa: E402 - configured only now

settings.ROOT_URLCONF = urlconf
from newsletter.rsgi import RsgiAdapter  # noqa: E402 - after ROOT_URLCONF is set

application = RsgiAdapter(get_wsgi_application())
