"""Every address of the site, on one page."""

from django.contrib import admin
from django.urls import include, path

from newsletter.issues import sitemaps

handler500 = "newsletter.publication.views.failure"
urlpatterns = [
    path("", include("newsletter.issues.urls")),
    path("", include("newsletter.posts.urls")),
    path("", include("newsletter.publication.urls")),
    path("", include("subscribers.urls")),
    path("", include("newsletter.mail.urls")),
    path("", include("newsletter.delivery.urls")),
    path("", include("newsletter.desk.urls")),
    path("sitemap.xml", sitemaps.everything, name="sitemap"),
    path("sitemap-<slug:section>.xml", sitemaps.part, name="sitemap_part"),
    path("admin/", admin.site.urls),
]
