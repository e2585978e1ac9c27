"""Every address of the site, on one page."""

from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path

from newsletter.issues.sitemaps import SITEMAPS

urlpatterns = [
    path("", include("newsletter.issues.urls")),
    path("", include("newsletter.posts.urls")),
    path("", include("newsletter.publication.urls")),
    path("", include("subscribers.urls")),
    path("", include("newsletter.mail.urls")),
    path("", include("newsletter.delivery.urls")),
    path("", include("newsletter.desk.urls")),
    path("sitemap.xml", sitemap, {"sitemaps": SITEMAPS}, name="sitemap"),
    path("admin/", admin.site.urls),
]
