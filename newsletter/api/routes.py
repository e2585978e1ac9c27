"""The addresses under /api/v1/, as newsletter/api/views.py looks them up."""

from django.urls import path

from newsletter.api.v1 import api

urlpatterns = [path("api/v1/", api.urls)]
