"""Where the addresses of all rooms come together; each room's own are in its `urls.py`."""

from django.urls import path
from django.views.generic import RedirectView

from newsletter.issues import sitemaps
from newsletter.rooms import Room

# Where readers' programs and bookmarks look who came with the author from Ghost or Substack, or by a guess.
OLD_ADDRESSES = {
    "rss/": "posts:feed",
    "feed/": "posts:feed",
    "rss.xml": "posts:feed",
    "atom.xml": "posts:feed",
    "index.xml": "posts:feed",
    "rss2.xml": "posts:feed",
    "feed/rss/": "posts:feed",
    "feed/atom/": "posts:feed",
    "blog/feed/": "posts:feed",
    "blog/rss.xml": "posts:feed",
    "blog/atom.xml": "posts:feed",
    "archive/": "posts:index",
    "tag/<slug:slug>/": "posts:tag",
    "start/": "issues:start_here",
}
handler403 = "newsletter.desk.rights.refused"
handler404 = "newsletter.desk.views.missing"
handler500 = "newsletter.publication.views.failure"
urlpatterns = [
    Room("", "newsletter.delivery.urls", "delivery"),  # before issues/42/<service>/
    Room("", "newsletter.issues.urls", "issues"),
    Room("", "newsletter.posts.urls", "posts"),
    Room("", "newsletter.publication.urls", "publication"),
    Room("", "subscribers.urls", "subscribers"),
    Room("", "newsletter.mail.urls", "mail"),
    Room("", "newsletter.desk.urls", "desk"),
    Room("", "newsletter.api.urls", "api"),
    path("sitemap.xml", sitemaps.everything, name="sitemap"),
    path("sitemap-<slug:section>.xml", sitemaps.part, name="sitemap_part"),
    Room("admin/", "newsletter.desk.site", "admin"),
    *(path(old, RedirectView.as_view(pattern_name=name, permanent=True)) for old, name in OLD_ADDRESSES.items()),
]
