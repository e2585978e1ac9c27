"""The addresses that stand in letters: all but the desk's and the API's. A lane loads these alone."""

from django.urls import include, path

urlpatterns = [
    path("", include("newsletter.delivery.urls")),  # before issues/42/<service>/
    path("", include("newsletter.issues.urls")),
    path("", include("newsletter.posts.urls")),
    path("", include("newsletter.publication.urls")),
    path("", include("subscribers.urls")),
]
