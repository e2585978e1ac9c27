"""The addresses under /api/v1/, as newsletter/api/views.py looks them up."""

from django.urls import path

from newsletter import converters  # noqa: F401 - registers <number:…>
from newsletter.api.description import pages
from newsletter.api.v1 import api

urlpatterns = [
    path("api/v1/openapi.json", pages.openapi),
    path("api/docs/", pages.documentation),
    path("api/v1/", api.urls),
]
