"""The author's way from a composed issue to its readers: preview, send."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.delivery import planning, tasks
from newsletter.delivery.letter.losses import LOSSES_SHOWN, Loss, Unfilled, digest_of, losses
from newsletter.delivery.letter.rendering import FrozenLetter, copy_for, freeze
from newsletter.delivery.letter.size import HTML_BYTES_MAX, HTML_BYTES_WARN, weigh
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import Rehearsal, Standing
from newsletter.delivery.rehearsal.rehearse import MADE_UP, example_reader
from newsletter.desk.audiences import Audience, audience_of, segments, spread_of, words_for
from newsletter.desk.forms import WhenForm
from newsletter.issues.lengths import with_minutes
from newsletter.issues.models import Issue
from newsletter.issues.templatetags.slots import next_slots
from newsletter.mail import outbox
from newsletter.mail.message import Mail
from newsletter.mail.views import MAIL_CSP, framed
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake

SLOTS_OFFERED = 6
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
    [slot] = next_slots(Publication.objects.current(), 1)
    issue.sent_at = issue.sent_at or (mailing.send_at if mailing else slot)
    [shown] = with_minutes(Issue.objects.with_posts(issue.sent_at).filter(pk=pk))
    shown.sent_at = issue.sent_at
    older, newer = Issue.objects.archived().around(issue)
    return render(request, "issues/issue.html", {"issue": shown, "older": older, "newer": newer})


# --- Send ---


@require_http_methods(["GET", "HEAD", "POST"])
def send(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what will happen; one POST approves it."""
    issue, now = get_object_or_404(Issue, pk=pk), timezone.now()
    if under_way := issue.mailings.open().first():
        return _approved(request, under_way, now)
    letter = freeze(issue)
    lost = losses(issue, letter)
    form = when_form(request, issue, now)
    standing = Rehearsal.objects.standing(issue, form.segment, letter.content_hash, now)
    is_ready = form.is_valid() and _is_as_seen(request, form, issue, letter)
    audience, asks_number = _asked_of(form, issue, now)
    is_ready = is_ready and form.knows(lost) and _is_rehearsed(form, standing)
    is_ready = is_ready and (not asks_number or form.names_the_issue())
    if is_ready and (mailing := _approve(form, issue, letter, now)):
        return _approved(request, mailing, now)
    context = _what_will_happen(issue, letter, form, audience, now) | in_question(lost)
    context |= {"standing": standing, "asks_number": asks_number}
    is_dialog = request.method != "POST" and "dialog" in request.GET and not context["has_been_sent"]
    return page(request, "desk/schedule.html" if is_dialog else "desk/send.html", issue, context)


def when_form(request: HttpRequest, issue: Issue, now: datetime) -> WhenForm:
    publication = Publication.objects.current()
    slots = next_slots(publication, SLOTS_OFFERED)
    begins = now + planning.hold_of(publication)
    names = "schedule_%s" if "dialog" in request.GET else "id_%s"  # the page under a dialog has names of its own
    form = WhenForm(request.POST or None, issue=issue, slots=slots, begins=begins, auto_id=names)
    asked = request.POST.get("segment") or request.GET.get("segment", "")
    form.segment = asked if asked in segments() else ""
    return form


def _is_as_seen(request: HttpRequest, form: WhenForm, issue: Issue, letter: FrozenLetter) -> bool:
    """Return whether the issue still is what the page showed; add an error if not.

    One that cannot be sent at all passes: why it cannot is the better answer, and approving gives it.
    """
    is_seen = request.POST.get("seen") == letter.content_hash
    if is_seen or planning.obstacles(issue, form.send_at or form.begins, letter=letter):
        return True
    form.add_error(None, _("The issue has changed since this page was opened. Look at it once more, then send it."))
    return False


def _is_rehearsed(form: WhenForm, standing: Standing) -> bool:
    """Return whether a rehearsal stands for the letter, or the author sends it anyway; add an error if neither."""
    if standing == Standing.VALID or form.cleaned_data.get("unrehearsed"):
        return True
    form.add_error(None, _("This issue has no valid rehearsal. Rehearse it, or tick the box below."))
    return False


def _approve(form: WhenForm, issue: Issue, letter: FrozenLetter, now: datetime) -> Mailing | None:
    """Approve the issue as it was seen; add an error to `form` and return None if it cannot be sent as it is."""
    hold, acknowledged = planning.hold_of(Publication.objects.current()), form.cleaned_data["unshown"]
    try:
        return planning.approve(
            issue,
            send_at=form.send_at,
            now=now,
            hold=hold,
            segment=form.segment,
            acknowledged=acknowledged,
            letter=letter,
        )
    except planning.PlanningError as problem:
        form.add_error(None, str(problem))
        return None


def _approved(request: HttpRequest, mailing: Mailing, now: datetime) -> HttpResponse:
    """Go to the mailing's page; say whether it was this request that approved it."""
    facts = {"issue": mailing.issue, "time": in_words(mailing.send_at)}
    if mailing.approved_at == now:
        wake_up()
        text = _("%(issue)s is approved. The first mail leaves on %(time)s; until then a cancel reaches nobody.")
        messages.success(request, text % facts)
    elif request.method == "POST":
        text = _("%(issue)s was approved before, for %(time)s. Nothing was changed now.")
        messages.warning(request, text % facts)
    return redirect("admin:mailing", mailing.pk)


def _asked_of(form: WhenForm, issue: Issue, now: datetime) -> tuple[Audience, bool]:
    """Return who would get the issue, and whether these are so many that its number has to be typed."""
    audience = audience_of(issue, now, form.segment)
    return audience, audience.readers > Publication.objects.current().number_typed_above


def _what_will_happen(
    issue: Issue, letter: FrozenLetter, form: WhenForm, audience: Audience, now: datetime
) -> dict[str, Any]:
    """Return everything that the author should know before they send."""
    publication = Publication.objects.current()
    at = form.send_at or form.begins if form.is_bound else form.proposed
    items = list(issue.items.select_related("post").defer("post__body"))
    hindered = planning.obstacles(issue, at, letter=letter)
    hindered_now = planning.obstacles(issue, form.begins, letter=letter)
    return {
        "title": _("Send"),
        "letter": letter,
        "form": form,
        "now": now,
        "hold_minutes": publication.hold_minutes,
        "audience": audience,
        "number_typed_above": publication.number_typed_above,
        "spread": spread_of(publication, audience.readers, at),
        "segments": segments(),
        "segment": form.segment,
        "segment_in_words": words_for(form.segment),
        "rows": [(item, item.post.state(at)) for item in items],
        "obstacles": hindered,
        "obstacles_now": [text for text in hindered_now if text not in hindered],
        "to_read_again": issue.to_read_again(publication),
        "has_been_sent": planning.was_sent_to_all(issue),
    }
