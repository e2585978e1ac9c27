"""Template context that every page needs."""

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from newsletter.publication import sharing, stylesheet
from newsletter.publication.models import Publication


def publication(request: HttpRequest) -> dict[str, object]:
    current = Publication.objects.current()
    sheet = stylesheet.full_css(current.accent, current.theme)
    request.sheet = sheet  # type: ignore[attr-defined]  # for ReaderPageMiddleware and PolicyMiddleware
    return {
        "publication": current,
        "look_url": f"{reverse('publication:look')}?v={stylesheet.css_version(current.accent, current.theme)}",
        "sheet": sheet,
        "inline_script": stylesheet.INLINE_SCRIPT if getattr(request, "runs_script", True) else "",
        "icon_version": sharing.icon_version(current),
        "page_language": sharing.language_tag(current),
        "publication_card_url": sharing.publication_card_url(current),
        "site_url": settings.SITE_URL,
        "canonical_url": settings.SITE_URL + request.path,
    }
