from django.urls import path, re_path

from newsletter.api import views

app_name = "api"
urlpatterns = [
    path("api/docs/", views.documentation, name="docs"),
    path("api/v1/openapi.json", views.public, name="openapi"),
    path("api/v1/public/posts", views.posts),
    path("api/v1/public/issues", views.issues),
    path("api/v1/public/search", views.public),
    # Whatever it is, a line break too, for which <path:…> does not stand: it is answered as a program reads it.
    re_path(r"^api/v1/public/(?P<rest>[\s\S]*)\Z", views.others),
    re_path(r"^api/v1/(?P<rest>[\s\S]*)\Z", views.private, name="v1"),
]
