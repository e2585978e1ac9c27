from django.urls import path

from newsletter.issues import views

app_name = "issues"
urlpatterns = [
    path("", views.home, name="home"),
    path("issues/", views.archive, name="archive"),
    path("issues/<int:number>/", views.issue, name="issue"),
    path("about/", views.about, name="about"),
]
