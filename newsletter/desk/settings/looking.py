"""What is set, before it is saved: a letter, the home page or the welcome, with what stands in the form."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods

from newsletter.delivery.letter.rendering import copy_for, freeze
from newsletter.delivery.models import CourseCopy, Mailing
from newsletter.delivery.readers import course, welcome
from newsletter.delivery.rehearsal.rehearse import example_reader
from newsletter.desk.settings.newcomers import READER, NewcomersForm
from newsletter.issues.models import Issue
from newsletter.issues.views import front
from newsletter.mail import outbox
from newsletter.mail.message import Mail
from newsletter.mail.views import MAIL_CSP, framed
from newsletter.publication.forms import LookForm, PublicationForm
from newsletter.publication.models import Publication
from subscribers.mails import sending

LETTER, SITE, WELCOME, NAMED, COURSE = "letter", "site", "welcome", "named", "course"
KINDS: dict[str, tuple[Promise, type[PublicationForm]]] = {  # by name: the button, and the form that is looked at
    LETTER: (_("The mail"), LookForm),
    SITE: (_("The site"), LookForm),
    WELCOME: (_("The welcome"), NewcomersForm),
    NAMED: (_("The welcome, by name"), NewcomersForm),
    COURSE: (_("The first letters"), NewcomersForm),
}
PAGE_CSP: dict[str, Any] = settings.SECURE_CSP | {"frame-ancestors": [CSP.SELF], "script-src": [CSP.NONE]}


def kinds_of(form: type[PublicationForm]) -> list[tuple[str, Promise]]:
    """Return name and button of all that shows the fields of a form."""
    return [(name, label) for name, (label, shown) in KINDS.items() if shown is form]


@xframe_options_sameorigin
@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest, kind: str) -> HttpResponse:
    """Show a letter or the home page with what is posted; with what is saved, when nothing is.

    Nothing is saved. 400, with what is wrong, while the form could not be saved either.
    """
    if kind not in KINDS:
        raise Http404(kind)
    publication = Publication.objects.fresh()
    if request.method == "POST":
        form = KINDS[kind][1](request.POST, instance=publication)  # a chosen logo is shown once it is saved
        if not form.is_valid():
            return render(request, "desk/settings/no_preview.html", {"form": form}, status=HTTPStatus.BAD_REQUEST)
        publication = form.save(commit=False)
    with Publication.objects.used(publication):
        if kind == SITE:
            return _site(request)
        if kind == COURSE and not course.mailings(publication):
            return render(request, "desk/settings/no_preview.html")
        return _letter(request, MAILS[kind]())


@csp_override(PAGE_CSP)
def _site(request: HttpRequest) -> HttpResponse:
    return front(request)


@csp_override(MAIL_CSP)
def _letter(request: HttpRequest, mail: Mail) -> HttpResponse:
    return framed(outbox.part(mail.message().as_bytes(), "html"))


def _welcome() -> Mail:
    return welcome.message(example_reader(READER), timezone.now())


def _welcome_by_name() -> Mail:
    return welcome.message(example_reader(READER, "王小明"), timezone.now())


def _mail() -> Mail:
    """Build the newest issue that has a number, as a reader gets it; while there is none, the confirmation."""
    issue = Issue.objects.filter(items__isnull=False).order_by("-number").first()
    reader = example_reader(READER)
    if issue is None:
        return sending.answer(reader)
    return copy_for(Mailing(issue=issue, **freeze(issue).columns()), reader, ids=(issue.number, 0))


def _first_letter() -> Mail:
    """Build the first of the letters that are chosen."""
    first = course.mailings(Publication.objects.current())[0]
    return course.message(CourseCopy(mailing=first, issue=first.issue, position=1, subscriber=example_reader(READER)))


MAILS = {LETTER: _mail, WELCOME: _welcome, NAMED: _welcome_by_name, COURSE: _first_letter}
