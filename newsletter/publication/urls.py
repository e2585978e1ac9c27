from django.urls import path, re_path

from newsletter.publication import views

app_name = "publication"
urlpatterns = [
    path("look.css", views.look, name="look"),
    path("cards/<slug:digest>.png", views.card, name="card"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("icon.svg", views.icon_svg, name="icon_svg"),
    path("apple-touch-icon.png", views.icon, {"size": 180, "is_whole": True}, name="touch_icon"),
    path("icon-192.png", views.icon, {"size": 192}, name="icon_192"),
    path("icon-512.png", views.icon, {"size": 512}, name="icon_512"),
    path(".well-known/security.txt", views.security, name="security"),
    path("robots.txt", views.robots, name="robots"),
    re_path(r"^media/(?P<digest>[0-9a-z]+)/(?P<name>[\w.-]+)\Z", views.media, name="media"),
]
