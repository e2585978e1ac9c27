"""What readers will get of an issue, before it is sent: the preview. And the frame of all screens of an issue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from newsletter.delivery import tasks
from newsletter.delivery.days import free_slots
from newsletter.delivery.letter.losses import (
    HTML_BYTES_MAX,
    HTML_BYTES_WARN,
    LOSSES_SHOWN,
    Loss,
    Unfilled,
    digest_of,
    weigh,
)
from newsletter.delivery.letter.rendering import copy_for, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.rehearsal.rehearse import MADE_UP, example_reader
from newsletter.issues.lengths import with_minutes
from newsletter.issues.models import Issue, fetch_posts, neighbours
from newsletter.mail import outbox
from newsletter.mail.message import Mail
from newsletter.mail.views import MAIL_CSP, framed
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake

TABS = {
    "web": gettext_lazy("Web page"),
    "mail": gettext_lazy("Mail"),
    "text": gettext_lazy("Plain text"),
    "headers": gettext_lazy("Headers"),
}
# Whose copy the preview shows: name and address.
READERS = {
    "": (gettext_lazy("a reader without a name"), "", "reader@example.org"),
    "named": (gettext_lazy("a reader with a name"), "王小明", "ming.wang@example.org"),
    "long": (gettext_lazy("a reader with a long name"), *MADE_UP[1]),
    "odd": (gettext_lazy("a reader with odd characters"), *MADE_UP[2]),
    "rare": (gettext_lazy("a reader with rare characters"), *MADE_UP[3]),
}
WIDTHS = {"": gettext_lazy("full width"), "700": "700 px", "375": "375 px"}
SCHEMES = {
    "": gettext_lazy("as on this screen"),
    "light": gettext_lazy("light"),
    "dark": gettext_lazy("dark"),
    "inverted": gettext_lazy("inverted by the client"),
}
IS_DARK = "@media (prefers-color-scheme: dark)"
# About what Gmail's apps do at night to a mail whose own dark colours they do not read; pictures stay as they are.
INVERTED = (
    "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}img{filter:invert(1) hue-rotate(180deg)}</style>"
)
NEVER_DARK, ALWAYS_DARK = "@media (max-width: 0)", "@media (min-width: 0)"
PAGE_CSP: dict[str, Any] = settings.SECURE_CSP | {"frame-ancestors": [CSP.SELF], "script-src": [CSP.NONE]}


def wake_up() -> None:
    """Tell the workers at once; if the queue is gone, beat does so in a moment."""
    wake(tasks.dispatch, expires=tasks.WAKE_UP_EXPIRES)


def in_words(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def page(request: HttpRequest, template: str, issue: Issue, context: dict[str, Any]) -> HttpResponse:
    """Return one of the screens of an issue, in the frame of the admin."""
    shared = {"issue": issue, "mailing": issue.mailings.defer("html", "text").order_by("pk").last()}
    return render(request, template, {**admin.site.each_context(request), **shared, **context})


def in_question(lost: Sequence[Loss | Unfilled]) -> dict[str, Any]:
    """Return what desk/_lost.html and desk/_lost_box.html show: what the author must mend or acknowledge."""
    return {"lost": lost[:LOSSES_SHOWN], "lost_digest": digest_of(lost), "lost_more": len(lost[LOSSES_SHOWN:])}


# --- Preview ---


@require_safe
def preview(request: HttpRequest, pk: int, tab: str = "web") -> HttpResponse:
    """Show what readers will see, in one of the TABS."""
    issue = get_object_or_404(Issue, pk=pk)
    if tab not in TABS:
        raise Http404(tab)
    shown = _shown(request, issue)
    octets = _copy(request, shown).message().as_bytes()
    context = {
        "title": _("Preview"),
        "tab": tab,
        "tabs": TABS,
        "readers": {key: reader[0] for key, reader in READERS.items()},
        "widths": WIDTHS,
        "schemes": SCHEMES,
        "choice": {name: request.GET.get(name, "") for name in ("reader", "width", "scheme", "of")},
        "text": outbox.part(octets, "plain") if tab == "text" else "",
        "fields": outbox.fields(octets) if tab == "headers" else [],
        "page_url": settings.SITE_URL + issue.get_absolute_url(),
        "weight": weigh(issue, shown),
        "size_max": HTML_BYTES_MAX,
        "size_warn": HTML_BYTES_WARN,
    }
    return page(request, "desk/preview.html", issue, context)


def _shown(request: HttpRequest, issue: Issue) -> Mailing:
    """Return what the preview shows: the issue as it is now, or as it was approved."""
    approved = issue.mailings.order_by("pk").last() if request.GET.get("of") == "approved" else None
    return approved or Mailing(issue=issue, **freeze(issue).columns())


def _copy(request: HttpRequest, shown: Mailing) -> Mail:
    """Build the copy that the reader named in the address would get."""
    _label, name, address = READERS.get(request.GET.get("reader", ""), READERS[""])
    return copy_for(shown, example_reader(address, name), ids=(shown.issue.number, 0))


@csp_override(MAIL_CSP)
@xframe_options_sameorigin
@require_safe
def mail_frame(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the HTML part itself, for the frame in the preview."""
    mail = _copy(request, _shown(request, get_object_or_404(Issue, pk=pk)))
    html = outbox.part(mail.message().as_bytes(), "html")
    scheme = request.GET.get("scheme", "")
    if media := {"light": NEVER_DARK, "dark": ALWAYS_DARK, "inverted": NEVER_DARK}.get(scheme):
        html = html.replace(IS_DARK, media)  # no page can tell a sandboxed frame its colours
    return framed(html.replace("</head>", f"{INVERTED}</head>", 1) if scheme == "inverted" else html)


@csp_override(PAGE_CSP)
@xframe_options_sameorigin
@require_safe
def web_frame(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the page of the archive as it will be, for the frame in the preview."""
    issue = get_object_or_404(Issue, pk=pk)
    mailing = issue.mailings.open().first()
    [slot] = free_slots(Publication.objects.current(), timezone.now(), 1, issue=issue)
    issue.sent_at = issue.sent_at or (mailing.send_at if mailing else slot)
    fetch_posts([issue], issue.sent_at)
    with_minutes([issue])
    older, newer = neighbours(issue)
    around = {"older": older, "newer": newer}
    beside = {"corrections": issue.corrections.all(), "quotes": issue.quotes.all()}
    return render(request, "issues/issue.html", {"issue": issue} | around | beside)
