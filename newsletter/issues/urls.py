from django.urls import path

from newsletter import converters  # noqa: F401 - registers <number:…>
from newsletter.issues import feeds, questions, sitemaps, views
from newsletter.issues.volumes import views as volumes

app_name = "issues"
urlpatterns = [
    path("", views.home, name="home"),
    path("issues/", views.archive, name="archive"),
    path("issues/feed.xml", feeds.atom_feed, name="feed"),
    path("issues/feed.json", feeds.json_feed, name="json_feed"),
    path("issues/<number:number>/", views.issue, name="issue"),
    path("issues/<number:year>.epub", volumes.epub, name="epub"),
    path("issues/<number:year>/print/", volumes.printable, name="printable"),
    path("issues/<number:number>/question/", questions.vote, name="vote"),
    path("issues/<number:number>/<slug:service>/", views.share_redirect, name="share"),
    path("cards/issues/<int:number>-<slug:digest>.png", views.card, name="card"),
    path("start-here/", views.start_here, name="start_here"),
    path("llms.txt", sitemaps.llms_txt, name="llms"),
    path("about/", views.about, name="about"),
]
