from django.urls import path

from newsletter.issues import views

app_name = "issues"
urlpatterns = [
    path("", views.home, name="home"),
    path("issues/", views.archive, name="archive"),
    path("issues/<int:number>/", views.issue, name="issue"),
    path("issues/<int:number>/<slug:service>/", views.pass_on, name="pass_on"),
    path("cards/issues/<int:number>-<slug:digest>.png", views.card, name="card"),
    path("start-here/", views.start_here, name="start_here"),
    path("reading-list/", views.reading_list, name="reading_list"),
    path("about/", views.about, name="about"),
]
