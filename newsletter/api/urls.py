from django.urls import path

from newsletter.api import views

app_name = "api"
urlpatterns = [
    path("api/v1/", views.private, {"rest": ""}, name="root"),
    path("api/v1/<path:rest>", views.private, name="v1"),
]
