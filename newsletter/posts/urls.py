from django.urls import path, register_converter

from newsletter import converters  # noqa: F401 - registers <number:…>
from newsletter.posts import feeds, views


class PostPathConverter:
    """A post's id and an optional slug, which is ignored: /p/128-leverage/."""

    regex = "[0-9]{1,18}(?:-[^/]*)?"

    def to_python(self, value: str) -> int:
        return int(value.partition("-")[0])

    def to_url(self, value: str) -> str:
        return value


register_converter(PostPathConverter, "address")

app_name = "posts"
urlpatterns = [
    path("posts/", views.index, name="index"),
    path("p/<address:number>/", views.post, name="post"),
    path("pages/<slug:words>/", views.page, name="page"),
    path("p/<number:number>.md", feeds.markdown_source, name="source"),
    path("cards/p/<int:number>-<slug:digest>.png", views.card, name="card"),
    path("tags/<slug:slug>/", views.tag, name="tag"),
    path("series/<slug:slug>/", views.series, name="series"),
    path("preview/<str:token>/", views.preview, name="preview"),
    path("search/", views.search, name="search"),
    path("feed.xml", feeds.atom_feed, name="feed"),
    path("feed.json", feeds.json_feed, name="json_feed"),
    path("tags/<slug:slug>/feed.xml", feeds.tag_atom_feed, name="tag_feed"),
]
