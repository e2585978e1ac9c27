from django.urls import path, re_path

from newsletter.publication import views

app_name = "publication"
urlpatterns = [
    path("look.css", views.look, name="look"),
    path("robots.txt", views.robots, name="robots"),
    re_path(r"^media/(?P<digest>[0-9a-z]+)/(?P<name>[\w.-]+)\Z", views.media, name="media"),
]
