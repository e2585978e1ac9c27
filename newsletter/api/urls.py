from django.urls import path, re_path

from newsletter.api import views

app_name = "api"
urlpatterns = [
    path("api/docs/", views.public, name="docs"),
    path("api/v1/openapi.json", views.public, name="openapi"),
    # Whatever it is, a line break too, for which <path:…> does not stand: it is answered as a program reads it.
    re_path(r"^api/v1/(?P<rest>[\s\S]*)\Z", views.private, name="v1"),
]
