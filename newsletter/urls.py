"""The root URLconf; each app's URLs are in its `urls.py`."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from newsletter.issues import sitemaps

# Addresses of Ghost, Substack and WordPress, and those that feed readers guess.
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
admin.autodiscover()
handler403 = "newsletter.desk.permissions.forbidden_page"
handler404 = "newsletter.desk.views.page_not_found"
handler500 = "newsletter.publication.views.failure"
urlpatterns = [
    path("", include("newsletter.public_urls")),
    path("", include("newsletter.mail.urls")),
    path("", include("newsletter.desk.urls")),
    path("", include("newsletter.api.urls")),
    path("sitemap.xml", sitemaps.sitemap_xml, name="sitemap"),
    path("admin/", admin.site.urls),
    *(path(old, RedirectView.as_view(pattern_name=name, permanent=True)) for old, name in OLD_ADDRESSES.items()),
]
