"""The privacy notice on a page of its own, in both languages: open whether readers are taken or not."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_safe

from newsletter.publication.kept import kept
from newsletter.publication.models import Publication
from subscribers import privacy


@kept()
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the notice, in the publication's language first."""
    own = Publication.objects.current().language
    facts, parts = privacy.Facts.now(), []
    for language in sorted((code for code, _name in settings.LANGUAGES), key=lambda code: code != own):
        with translation.override(language):
            heading = translation.gettext("What happens to your data")
            parts.append({"language": language, "heading": heading, "notices": privacy.notice(facts)})
    context = {"parts": parts, "version": privacy.version(privacy.words())}
    return render(request, "subscribers/privacy.html", context)
