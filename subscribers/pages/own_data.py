"""What a reader may do with what is kept about them: take it along, and have it erased."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from newsletter.publication.doors import capability, same_origin
from newsletter.publication.kept import kept
from newsletter.publication.models import Publication
from subscribers import own_data, privacy
from subscribers.models import Subscriber
from subscribers.pages.views import ask_and_act, closed, lost

NAME = "my-data"  # of a download


@capability
@require_safe
def as_json(request: HttpRequest, token: str) -> HttpResponse:
    """Hand over everything as JSON."""
    reader = Subscriber.objects.freshly_opened_by(token, timezone.now())
    if reader is None:
        return lost(request, token, "mine")
    response = JsonResponse(own_data.as_json(reader), json_dumps_params={"ensure_ascii": False, "indent": 2})
    return _attached(response, "json")


@capability
@require_safe
def as_csv(request: HttpRequest, token: str) -> HttpResponse:
    """Hand over everything as a table; the mark in front lets Excel read the Chinese."""
    reader = Subscriber.objects.freshly_opened_by(token, timezone.now())
    if reader is None:
        return lost(request, token, "mine")
    text = "\ufeff" + "".join(own_data.as_csv(reader))
    return _attached(HttpResponse(text, content_type="text/csv; charset=utf-8"), "csv")


def _attached(response: HttpResponse, kind: str) -> HttpResponse:
    response.headers["Content-Disposition"] = f'attachment; filename="{NAME}.{kind}"'
    return response


@capability
@ask_and_act
@same_origin
def erase(request: HttpRequest, token: str) -> HttpResponse:
    """Say on GET what goes and what stays; erase on POST, once the reader has ticked that they mean it."""
    reader = Subscriber.objects.freshly_opened_by(token, timezone.now())
    if reader is None:
        return lost(request, token, "mine")
    is_meant = request.method == "POST" and request.POST.get("meant") == "yes"
    if is_meant:
        reader.erase()
        return closed(request, "erased now", status=200)
    context = {"subscriber": reader, "token": token, "is_asked": request.method == "POST"}
    return render(request, "subscribers/erase.html", context, status=422 if request.method == "POST" else 200)


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
