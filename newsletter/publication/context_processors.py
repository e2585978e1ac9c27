"""What every template may say of the publication."""

from django.conf import settings
from django.http import HttpRequest

from newsletter.publication.models import Publication


def publication(request: HttpRequest) -> dict[str, object]:
    return {
        "publication": Publication.objects.current(),
        "site_url": settings.SITE_URL,
        "canonical_url": settings.SITE_URL + request.path,
    }
