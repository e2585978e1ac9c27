"""URLs that appear in mails: all but the desk and the API. Sending processes load only these."""

from django.urls import include, path

urlpatterns = [
    path("", include("newsletter.delivery.urls")),  # before issues/42/<service>/
    path("", include("newsletter.issues.urls")),
    path("", include("newsletter.posts.urls")),
    path("", include("newsletter.publication.urls")),
    path("", include("subscribers.urls")),
]
