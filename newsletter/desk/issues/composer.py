"""Screens of an issue before it is sent: preview, rehearsal, test copies."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.delivery import tasks
from newsletter.delivery.letter.losses import (
    LOSSES_SHOWN,
    Loss,
    losses_digest,
    size_text,
    weigh_letter,
    weights_by_form,
)
from newsletter.delivery.letter.rendering import FrozenLetter, build_copy, freeze_letter, preheader_line
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import ERROR, WARNING, Rehearsal, RehearsalStatus, rehearsal_digest
from newsletter.delivery.rehearsal import EXAMPLE_READERS, build_test_copy, example_reader, unsaved_mailing
from newsletter.delivery.sending_days import free_slots
from newsletter.desk.audiences import segment_choices, segment_label
from newsletter.desk.auto_rehearsal import local_results
from newsletter.desk.forms import TestCopyForm
from newsletter.desk.settings.publication import PAGE_CSP, without_script
from newsletter.desk.settings.sender_checks import send_by
from newsletter.desk.tasks import look_outside
from newsletter.issues.annotations import attach_reading_minutes
from newsletter.issues.models import Issue, IssueItem, neighbours, prefetch_posts
from newsletter.mail import outbox
from newsletter.mail.message import Mail
from newsletter.mail.salutations import SAMPLE_NAME
from newsletter.mail.views import MAIL_CSP, html_frame_response
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue_on_commit

PREVIEW_TABS = {
    "web": gettext_lazy("Web page"),
    "mail": gettext_lazy("Mail"),
    "text": gettext_lazy("Plain text"),
    "headers": gettext_lazy("Headers"),
}
# Recipients of the preview: label, name and address.
PREVIEW_READERS = {
    "": (gettext_lazy("a reader without a name"), "", "reader@example.org"),
    "named": (gettext_lazy("a reader with a name"), SAMPLE_NAME, "ming.wang@example.org"),
    "long": (gettext_lazy("a reader with a long name"), *EXAMPLE_READERS[1]),
    "odd": (gettext_lazy("a reader with odd characters"), *EXAMPLE_READERS[2]),
    "rare": (gettext_lazy("a reader with rare characters"), *EXAMPLE_READERS[3]),
}
PREVIEW_WIDTHS = {"": gettext_lazy("full width"), "700": "700 px", "375": "375 px"}
COLOUR_SCHEMES = {"": gettext_lazy("as on this screen"), "light": gettext_lazy("light"), "dark": gettext_lazy("dark")}
IS_DARK = "@media (prefers-color-scheme: dark)"
NEVER_DARK, ALWAYS_DARK = "@media (max-width: 0)", "@media (min-width: 0)"
# The composer shows the letter's head itself, to be edited.
HIDDEN_HEAD = ".masthead, .number, h1 { display: none !important } .sheet .body { padding-top: 4px !important }"
BELOW_SUBJECT = f"<style>{HIDDEN_HEAD}</style></head>"


def wake_workers() -> None:
    """Enqueue the dispatcher. Without a queue, beat does so within seconds."""
    enqueue_on_commit(tasks.dispatch, expires=tasks.WAKE_UP_EXPIRES_SECONDS)


def issue_page(request: HttpRequest, template: str, issue: Issue, context: dict[str, Any]) -> HttpResponse:
    shared = {"issue": issue, "mailing": issue.mailings.defer("html", "text").order_by("pk").last()}
    return render(request, template, {**admin.site.each_context(request), **shared, **context})


def losses_context(lost: Sequence[Loss]) -> dict[str, Any]:
    """Context of desk/_lost.html and desk/_lost_box.html: losses to mend or accept."""
    return {"lost": lost[:LOSSES_SHOWN], "lost_digest": losses_digest(lost), "lost_more": len(lost[LOSSES_SHOWN:])}


@require_safe
def preview(request: HttpRequest, pk: int, tab: str = "web") -> HttpResponse:
    issue = get_object_or_404(Issue, pk=pk)
    if tab not in PREVIEW_TABS:
        raise Http404(tab)
    shown = _preview_of(request, issue)
    octets = _copy_for(request, shown).message().as_bytes()
    context = {
        "title": _("Preview"),
        "tab": tab,
        "tabs": PREVIEW_TABS,
        "readers": {key: reader[0] for key, reader in PREVIEW_READERS.items()},
        "widths": PREVIEW_WIDTHS,
        "schemes": COLOUR_SCHEMES,
        "choice": {name: request.GET.get(name, "") for name in ("reader", "width", "scheme", "of")},
        "text": outbox.body_part(octets, "plain") if tab == "text" else "",
        "fields": outbox.header_fields(octets) if tab == "headers" else [],
        "page_url": settings.SITE_URL + issue.get_absolute_url(),
        "weight": weigh_letter(issue, shown),
    }
    return issue_page(request, "desk/preview.html", issue, context)


def _preview_of(request: HttpRequest, issue: Issue) -> Mailing:
    """The issue as it is now, or as it was approved."""
    approved = issue.mailings.order_by("pk").last() if request.GET.get("of") == "approved" else None
    return approved or Mailing(issue=issue, **freeze_letter(issue).columns())


def _copy_for(request: HttpRequest, shown: Mailing) -> Mail:
    _label, name, address = PREVIEW_READERS.get(request.GET.get("reader", ""), PREVIEW_READERS[""])
    return build_copy(shown, example_reader(address, str(name)), ids=(shown.issue.number, 0))


@csp_override(MAIL_CSP)
@xframe_options_sameorigin
@require_safe
def mail_frame(request: HttpRequest, pk: int) -> HttpResponse:
    mail = _copy_for(request, _preview_of(request, get_object_or_404(Issue, pk=pk)))
    html = outbox.body_part(mail.message().as_bytes(), "html")
    if media := {"light": NEVER_DARK, "dark": ALWAYS_DARK}.get(request.GET.get("scheme", "")):
        html = html.replace(IS_DARK, media)  # a sandboxed frame has no other way to get a colour scheme
    if "below" in request.GET:
        html = html.replace("</head>", BELOW_SUBJECT, 1)
    return html_frame_response(html)


@csp_override(PAGE_CSP)
@xframe_options_sameorigin
@require_safe
def web_frame(request: HttpRequest, pk: int) -> HttpResponse:
    issue = get_object_or_404(Issue, pk=pk)
    mailing = issue.mailings.open().first()
    [slot] = free_slots(Publication.objects.current(), timezone.now(), 1, issue=issue)
    issue.sent_at = issue.sent_at or (mailing.send_at if mailing else slot)
    prefetch_posts([issue], issue.sent_at)
    attach_reading_minutes([issue])
    older, newer = neighbours(issue)
    around = {"older": older, "newer": newer}
    beside = {"corrections": issue.corrections.all(), "quotes": issue.quotes.all()}
    return render(without_script(request), "issues/issue.html", {"issue": issue} | around | beside)


# An automatic rehearsal will follow.
UNSETTLED_STATUSES = {RehearsalStatus.NONE, RehearsalStatus.OUTDATED, RehearsalStatus.RUNNING}


def add_choices(issue: Issue, formset: Any) -> None:
    sizes = weights_by_form(issue, _posts_of(formset.forms_with_posts))
    for row, post in formset.forms_with_posts:
        row.choices = list(_choices(row["form"].value(), sizes.get(post.pk, {}) if post else {}))


def _posts_of(rows: Iterable[tuple[Any, Post | None]]) -> list[Post]:
    keys = {post.pk for _row, post in rows if post}
    return list(Post.objects.select_related("cover").prefetch_related("tags").filter(pk__in=keys))


def _choices(chosen: str, sizes: dict[str, int]) -> Iterator[dict[str, Any]]:
    """The ways to show a post in the mail. size: "" if unknown."""
    for value, label in IssueItem.Form.choices:
        size = size_text(sizes[value]) if value in sizes else ""
        yield {"value": value, "label": label, "size": size, "is_chosen": value == chosen}


def letter_context(issue: Issue, now: datetime) -> dict[str, Any]:
    letter = freeze_letter(issue)
    publication = Publication.objects.current()
    in_full = issue.items.filter(form=IssueItem.Form.FULL).select_related("post").defer("post__body")
    [slot] = free_slots(publication, now, 1, issue=issue)
    return rehearsal_context(issue, now, letter) | {
        "letter": letter,
        "leaves_at": slot,
        "weight": weigh_letter(issue, letter),
        "preheader": preheader_line(issue),
        "minutes": sum(item.post.reading_minutes(publication) for item in in_full),
    }


def rehearsal_context(issue: Issue, now: datetime, letter: FrozenLetter | None = None) -> dict[str, Any]:
    """letter: the frozen issue, if it is at hand."""
    content_hash = (letter or freeze_letter(issue)).content_hash
    latest = Rehearsal.objects.latest_of(issue)
    standing = latest.standing(rehearsal_digest(content_hash, ""), now) if latest else RehearsalStatus.NONE
    remarks = latest.remarks if latest and standing in {RehearsalStatus.VALID, RehearsalStatus.FAULTY} else []
    grave = [one for one in remarks if one["level"] in {ERROR, WARNING}]
    is_draft = issue.sent_at is None and not issue.mailings.open().exists()
    return {
        "rehearsal": latest,
        "standing": standing,
        "grave": sorted(grave, key=lambda one: one["level"] != ERROR),
        "fine": len(remarks) - len(grave),
        "comes_by_itself": is_draft and standing in UNSETTLED_STATUSES and issue.items.exists(),
    }


# No valid or running rehearsal of the current letter.
NEEDS_REHEARSAL = {RehearsalStatus.NONE, RehearsalStatus.OUTDATED, RehearsalStatus.STUCK}
REFRESH_SECONDS = 2  # between reloads while a worker checks links


@require_http_methods(["GET", "HEAD", "POST"])
def rehearse(request: HttpRequest, pk: int) -> HttpResponse:
    issue, now = get_object_or_404(Issue, pk=pk), timezone.now()
    asked = request.POST.get("segment") or request.GET.get("segment", "")
    segment = asked if asked in segment_choices() else ""
    if request.method == "POST":
        start_rehearsal(issue, segment, now)
        query = f"?{urlencode({'segment': segment})}" if segment else ""
        return redirect(reverse("admin:issue_rehearsal", args=[pk]) + query)
    latest = Rehearsal.objects.latest_of(issue, segment)
    standing = Rehearsal.objects.standing(issue, segment, unsaved_mailing(issue, segment, now).content_hash, now)
    context = {
        "title": _("Rehearsal"),
        "rehearsal": latest,
        "standing": standing,
        "segment": segment,
        "segment_in_words": segment_label(segment),
        "segments": segment_choices(),
    }
    response = issue_page(request, "desk/rehearsal.html", issue, context)
    if standing == RehearsalStatus.RUNNING:  # works without a script
        response.headers["Refresh"] = str(REFRESH_SECONDS)
    return response


@require_safe
def rehearsal_dot(request: HttpRequest, pk: int) -> HttpResponse:
    issue = get_object_or_404(Issue, pk=pk)
    return render(
        request, "admin/issues/issue/_rehearsal.html", rehearsal_context(issue, timezone.now()) | {"issue": issue}
    )


def start_rehearsal_if_needed(issue: Issue, segment: str, content_hash: str, now: datetime) -> RehearsalStatus:
    """Start a rehearsal unless a valid or running one exists for this content; return its status."""
    standing = Rehearsal.objects.standing(issue, segment, content_hash, now)
    if standing not in NEEDS_REHEARSAL:
        return standing
    start_rehearsal(issue, segment, now)
    return RehearsalStatus.RUNNING


def start_rehearsal(issue: Issue, segment: str, now: datetime) -> Rehearsal:
    """Run the local checks now and store them; a worker then checks links."""
    mailing = unsaved_mailing(issue, segment, now)
    digest, results = rehearsal_digest(mailing.content_hash, segment), local_results(mailing, now)
    times = {"started_at": now, "told_at": now}
    found = Rehearsal.objects.create(issue=issue, segment=segment, digest=digest, **times, **results)
    enqueue_on_commit(look_outside, found.pk)
    return found


@require_http_methods(["GET", "HEAD", "POST"])
def test_copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the current issue to the author's own addresses, and show the provider's reply."""
    issue = get_object_or_404(Issue, pk=pk)
    own = getattr(request.user, "email", "") or Publication.objects.current().sender_email
    form = TestCopyForm(request.POST or None, initial={"addresses": own})
    if form.is_valid():
        for address in form.cleaned_data["addresses"]:
            level, text = send_by(settings.MAILERS["bulk"], build_test_copy(issue, address))
            messages.add_message(request, level, _with_a_way_to_the_outbox(text, request.user))
        return redirect("admin:issue_test", pk)
    return issue_page(request, "desk/test_copy.html", issue, {"title": _("Test copy"), "form": form})


def _with_a_way_to_the_outbox(text: str, user: Any) -> str:
    if settings.MAILERS["bulk"]["BACKEND"] != outbox.BACKEND or not user.has_perm("publication.see_mail"):
        return text
    return format_html('{} <a href="{}">{}</a>', text, reverse("mail:outbox"), _("Open the outbox"))
