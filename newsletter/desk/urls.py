from django.urls import path

from newsletter.desk import views

app_name = "desk"
urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("healthz/<str:token>", views.site_echo, name="site_echo"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
]
