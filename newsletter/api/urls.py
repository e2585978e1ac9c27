from django.urls import path, re_path

from newsletter.api import views

app_name = "api"
urlpatterns = [
    path("api/docs/", views.api_page, name="docs"),
    path("api/v1/openapi.json", views.api_page, name="openapi"),
    # Any other path, with line breaks too, which <path:…> does not match: a JSON problem instead of an HTML page.
    re_path(r"^api/v1/(?P<rest>[\s\S]*)\Z", views.api_request, name="v1"),
]
