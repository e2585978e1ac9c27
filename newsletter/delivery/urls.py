from django.urls import path

from newsletter.delivery import views

app_name = "delivery"
urlpatterns = [
    path("feedback/<str:token>/", views.feedback, name="feedback"),
]
