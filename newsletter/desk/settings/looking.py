"""The look before it is saved: a letter and the home page, as they would be with what stands in the form."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods

from newsletter.delivery.letter.rendering import copy_for, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.rehearsal.rehearse import example_reader
from newsletter.issues.models import Issue
from newsletter.issues.views import front
from newsletter.mail import outbox
from newsletter.mail.message import Mail
from newsletter.mail.views import MAIL_CSP, framed
from newsletter.publication.forms import LookForm
from newsletter.publication.models import Publication
from subscribers.mails import rendering

LETTER, SITE = "letter", "site"
KINDS = {LETTER: _("The mail"), SITE: _("The site")}
READER = "reader@example.org"
PAGE_CSP: dict[str, Any] = settings.SECURE_CSP | {"frame-ancestors": [CSP.SELF], "script-src": [CSP.NONE]}


@xframe_options_sameorigin
@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest, kind: str) -> HttpResponse:
    """Show a letter or the home page with the look that is posted; with the one that is saved, when none is.

    Nothing is saved. 400, with what is wrong, while the form could not be saved either.
    """
    if kind not in KINDS:
        raise Http404(kind)
    publication = Publication.objects.fresh()
    if request.method == "POST":
        form = LookForm(request.POST, instance=publication)  # a chosen logo is shown once it is saved
        if not form.is_valid():
            return render(request, "desk/settings/no_look.html", {"form": form}, status=HTTPStatus.BAD_REQUEST)
        publication = form.save(commit=False)
    with Publication.objects.used(publication):
        return _site(request) if kind == SITE else _letter(request)


@csp_override(PAGE_CSP)
def _site(request: HttpRequest) -> HttpResponse:
    return front(request)


@csp_override(MAIL_CSP)
def _letter(request: HttpRequest) -> HttpResponse:
    return framed(outbox.part(_mail().message().as_bytes(), "html"))


def _mail() -> Mail:
    """Build the newest issue that has a number, as a reader gets it; while there is none, the confirmation."""
    issue = Issue.objects.filter(items__isnull=False).order_by("-number").first()
    reader = example_reader(READER)
    if issue is None:
        return rendering.answer(reader)
    return copy_for(Mailing(issue=issue, **freeze(issue).columns()), reader, ids=(issue.number, 0))
