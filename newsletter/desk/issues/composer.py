"""An issue before it is sent: the frame of its screens, its page, the preview, the rehearsal, test copies."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.delivery import tasks
from newsletter.delivery.days import free_slots
from newsletter.delivery.letter.losses import (
    HTML_BYTES_MAX,
    HTML_BYTES_WARN,
    LOSSES_SHOWN,
    PART_BYTES_MAX,
    Loss,
    digest_of,
    encoded,
    weigh,
    weights_by_form,
)
from newsletter.delivery.letter.rendering import FrozenLetter, copy_for, freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import ERROR, WARNING, Rehearsal, Standing
from newsletter.delivery.models.rehearsals import digest_of as rehearsal_digest
from newsletter.delivery.rehearsal import MADE_UP, as_if, example_reader, rehearsed
from newsletter.delivery.rehearsal import rehearse as rehearse_letter
from newsletter.desk.audiences import segments, words_for
from newsletter.desk.forms import TestCopyForm
from newsletter.desk.rehearsals import about_readers
from newsletter.desk.settings.sending import send_now
from newsletter.desk.tasks import look_outside
from newsletter.issues.models import Issue, IssueItem, fetch_posts, neighbours
from newsletter.issues.years import with_minutes
from newsletter.mail import outbox
from newsletter.mail.message import Mail
from newsletter.mail.views import MAIL_CSP, framed
from newsletter.posts.models import Post
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
}
IS_DARK = "@media (prefers-color-scheme: dark)"
NEVER_DARK, ALWAYS_DARK = "@media (max-width: 0)", "@media (min-width: 0)"
PAGE_CSP: dict[str, Any] = settings.SECURE_CSP | {"frame-ancestors": [CSP.SELF], "script-src": [CSP.NONE]}


def wake_up() -> None:
    """Tell the workers at once; if the queue is gone, beat does so in a moment."""
    wake(tasks.dispatch, expires=tasks.WAKE_UP_EXPIRES)


def in_words(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def page(request: HttpRequest, template: str, issue: Issue, context: dict[str, Any]) -> HttpResponse:
    shared = {"issue": issue, "mailing": issue.mailings.defer("html", "text").order_by("pk").last()}
    return render(request, template, {**admin.site.each_context(request), **shared, **context})


def in_question(lost: Sequence[Loss]) -> dict[str, Any]:
    """Return what desk/_lost.html and desk/_lost_box.html show: what the author must mend or acknowledge."""
    return {"lost": lost[:LOSSES_SHOWN], "lost_digest": digest_of(lost), "lost_more": len(lost[LOSSES_SHOWN:])}


# --- Preview ---


@require_safe
def preview(request: HttpRequest, pk: int, tab: str = "web") -> HttpResponse:
    issue = get_object_or_404(Issue, pk=pk)
    if tab not in TABS:
        raise Http404(tab)
    shown = _preview_of(request, issue)
    octets = _copy_for(request, shown).message().as_bytes()
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


def _preview_of(request: HttpRequest, issue: Issue) -> Mailing:
    """Return what the preview shows: the issue as it is now, or as it was approved."""
    approved = issue.mailings.order_by("pk").last() if request.GET.get("of") == "approved" else None
    return approved or Mailing(issue=issue, **freeze(issue).columns())


def _copy_for(request: HttpRequest, shown: Mailing) -> Mail:
    _label, name, address = READERS.get(request.GET.get("reader", ""), READERS[""])
    return copy_for(shown, example_reader(address, name), ids=(shown.issue.number, 0))


@csp_override(MAIL_CSP)
@xframe_options_sameorigin
@require_safe
def mail_frame(request: HttpRequest, pk: int) -> HttpResponse:
    mail = _copy_for(request, _preview_of(request, get_object_or_404(Issue, pk=pk)))
    html = outbox.part(mail.message().as_bytes(), "html")
    if media := {"light": NEVER_DARK, "dark": ALWAYS_DARK}.get(request.GET.get("scheme", "")):
        html = html.replace(IS_DARK, media)  # no page can tell a sandboxed frame its colours
    return framed(html)


@csp_override(PAGE_CSP)
@xframe_options_sameorigin
@require_safe
def web_frame(request: HttpRequest, pk: int) -> HttpResponse:
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


# --- What the page of an issue shows beside its fields ---


UNSETTLED = {Standing.NONE, Standing.OUTDATED, Standing.RUNNING}  # until the rehearsal that runs by itself is over


@dataclass(frozen=True)
class Choice:
    """One form that a post can have in the mail. radio: of the form's field; size: bytes on their way, 0 if unknown."""

    radio: Any
    size: int = 0
    minutes: int = 0


def measure(issue: Issue, formset: Any) -> None:
    publication = Publication.objects.current()
    sizes = weights_by_form(issue, _posts_of(formset.rows))
    for row, post in formset.rows:
        row.choices = [_choice(radio, post, sizes, publication) for radio in row["form"]]


def _posts_of(rows: Iterable[tuple[Any, Post | None]]) -> list[Post]:
    keys = {post.pk for _row, post in rows if post}
    return list(Post.objects.select_related("cover").prefetch_related("tags").filter(pk__in=keys))


def _choice(radio: Any, post: Post | None, sizes: dict[int, dict[str, int]], publication: Publication) -> Choice:
    if post is None or post.pk not in sizes:
        return Choice(radio)
    form = radio.data["value"]
    minutes = post.reading_minutes(publication) if form == IssueItem.Form.FULL else 0
    return Choice(radio, encoded(sizes[post.pk][form]), minutes)


def letter_of(issue: Issue, now: datetime) -> dict[str, Any]:
    letter = freeze(issue)
    publication = Publication.objects.current()
    in_full = issue.items.filter(form=IssueItem.Form.FULL).select_related("post").defer("post__body")
    return rehearsal_of(issue, now, letter) | {
        "letter": letter,
        "weight": weigh(issue, letter),
        "part_max": PART_BYTES_MAX,
        "minutes": sum(item.post.reading_minutes(publication) for item in in_full),
    }


def rehearsal_of(issue: Issue, now: datetime, letter: FrozenLetter | None = None) -> dict[str, Any]:
    """Return what the page says of the rehearsal; letter: the issue as it is frozen already."""
    content_hash = (letter or freeze(issue)).content_hash
    latest = Rehearsal.objects.latest_of(issue)
    standing = latest.standing(rehearsal_digest(content_hash, ""), now) if latest else Standing.NONE
    remarks = latest.remarks if latest and standing in {Standing.VALID, Standing.FAULTY} else []
    grave = [one for one in remarks if one["level"] in {ERROR, WARNING}]
    is_draft = issue.sent_at is None and not issue.mailings.open().exists()
    return {
        "rehearsal": latest,
        "standing": standing,
        "grave": sorted(grave, key=lambda one: one["level"] != ERROR),
        "fine": len(remarks) - len(grave),
        "comes_by_itself": is_draft and standing in UNSETTLED and issue.items.exists(),
    }


# --- The rehearsal ---


UNBEGUN = {Standing.NONE, Standing.OUTDATED, Standing.STUCK}  # nothing works at a rehearsal of the letter as it is
FRESH_SECONDS = 2  # until the page asks again while a worker looks outside


@require_http_methods(["GET", "HEAD", "POST"])
def rehearse(request: HttpRequest, pk: int) -> HttpResponse:
    issue, now = get_object_or_404(Issue, pk=pk), timezone.now()
    asked = request.POST.get("segment") or request.GET.get("segment", "")
    segment = asked if asked in segments() else ""
    if request.method == "POST":
        start(issue, segment, now)
        query = f"?{urlencode({'segment': segment})}" if segment else ""
        return redirect(reverse("admin:issue_rehearsal", args=[pk]) + query)
    latest = Rehearsal.objects.latest_of(issue, segment)
    standing = Rehearsal.objects.standing(issue, segment, as_if(issue, segment, now).content_hash, now)
    context = {
        "title": _("Rehearsal"),
        "rehearsal": latest,
        "standing": standing,
        "segment": segment,
        "segment_in_words": words_for(segment),
        "segments": segments(),
    }
    response = page(request, "desk/rehearsal.html", issue, context)
    if standing == Standing.RUNNING:  # a header, as on the page of a mailing
        response.headers["Refresh"] = str(FRESH_SECONDS)
    return response


@require_safe
def dot(request: HttpRequest, pk: int) -> HttpResponse:
    issue = get_object_or_404(Issue, pk=pk)
    return render(request, "admin/issues/issue/_rehearsal.html", rehearsal_of(issue, timezone.now()) | {"issue": issue})


def begin_if_needed(issue: Issue, segment: str, content_hash: str, now: datetime) -> Standing:
    """Begin a rehearsal unless one stands for the letter as it is, or is under way; return what it is worth now."""
    standing = Rehearsal.objects.standing(issue, segment, content_hash, now)
    if standing not in UNBEGUN:
        return standing
    start(issue, segment, now)
    return Standing.RUNNING


def start(issue: Issue, segment: str, now: datetime) -> Rehearsal:
    """Look at everything that is here at once, keep it, and let a worker look outside."""
    mailing = as_if(issue, segment, now)
    report = rehearse_letter(mailing, now)
    found = Rehearsal.objects.create(
        issue=issue,
        segment=segment,
        digest=rehearsal_digest(mailing.content_hash, segment),
        started_at=now,
        told_at=now,
        remarks=[asdict(one) for one in (*about_readers(issue, segment, now), *report.remarks)],
        copies=report.copies,
        links=report.links,
    )
    wake(look_outside, found.pk)
    return found


# --- Test copies ---


@require_http_methods(["GET", "HEAD", "POST"])
def test_copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the issue, as it is now, to the author's own addresses, and say what the provider answered."""
    issue = get_object_or_404(Issue, pk=pk)
    own = getattr(request.user, "email", "") or Publication.objects.current().sender_email
    form = TestCopyForm(request.POST or None, initial={"addresses": own})
    if form.is_valid():
        for address in form.cleaned_data["addresses"]:
            level, text = send_now(rehearsed(issue, address), "bulk")
            messages.add_message(request, level, _with_a_way_to_the_outbox(text, request.user))
        return redirect("admin:issue_test", pk)
    return page(request, "desk/test_copy.html", issue, {"title": _("Test copy"), "form": form})


def _with_a_way_to_the_outbox(text: str, user: Any) -> str:
    if settings.MAILERS["bulk"]["BACKEND"] != outbox.BACKEND or not user.has_perm("publication.see_mail"):
        return text
    return format_html('{} <a href="{}">{}</a>', text, reverse("mail:outbox"), _("Open the outbox"))
