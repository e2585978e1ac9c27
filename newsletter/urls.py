"""Every address of the site, on one page."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("newsletter.issues.urls")),
    path("", include("newsletter.posts.urls")),
    path("", include("newsletter.publication.urls")),
    path("", include("subscribers.urls")),
    path("", include("newsletter.mail.urls")),
    path("", include("newsletter.desk.urls")),
    path("admin/", admin.site.urls),
]
