from django.urls import path

from newsletter.api import views

app_name = "api"
urlpatterns = [
    path("api/docs/", views.documentation, name="docs"),
    path("api/v1/openapi.json", views.public, name="openapi"),
    path("api/v1/public/posts", views.posts),
    path("api/v1/public/issues", views.issues),
    path("api/v1/public/search", views.public),
    path("api/v1/public/<path:rest>", views.others),
    path("api/v1/", views.private, {"rest": ""}, name="root"),
    path("api/v1/<path:rest>", views.private, name="v1"),
]
