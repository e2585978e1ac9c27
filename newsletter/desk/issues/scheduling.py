"""Schedule an issue or a correction: what will happen, and the form.

The form of an issue is a page of its own, and a dialog over the issue, fetched with `?dialog`.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from newsletter.delivery.letter.losses import Loss, losses
from newsletter.delivery.letter.rendering import FrozenLetter, freeze_letter, subject_line
from newsletter.delivery.models import Mailing, Trial
from newsletter.delivery.models.rehearsals import ERROR, Rehearsal, RehearsalStatus
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import (
    PlanningError,
    correction_obstacles,
    count_copies,
    issue_obstacles,
    obstacles,
    was_sent_to_all,
)
from newsletter.desk.audiences import Audience, count_audience, segment_choices, segment_label, warm_up_plan
from newsletter.desk.forms import AcknowledgeLossesForm, CorrectionForm, ScheduleForm
from newsletter.desk.issues.composer import (
    NEEDS_REHEARSAL,
    REFRESH_SECONDS,
    issue_page,
    losses_context,
    start_rehearsal_if_needed,
    wake_workers,
)
from newsletter.desk.templatetags.calendar_days import long_moment
from newsletter.issues.models import Issue
from newsletter.issues.templatetags.contents import next_slots
from newsletter.mail import reach
from newsletter.publication.models import Publication

SLOTS_OFFERED = 6
UNREHEARSED_TEXTS = {  # by status of the rehearsal
    RehearsalStatus.RUNNING: gettext_lazy(
        "The rehearsal is still under way. It takes some seconds: press once more then."
    )
}


@require_http_methods(["GET", "HEAD", "POST"])
def send(request: HttpRequest, pk: int) -> HttpResponse:
    issue, now = get_object_or_404(Issue, pk=pk), timezone.now()
    if under_way := issue.mailings.open().first():
        return _approved(request, under_way, now)
    letter = freeze_letter(issue)
    lost = losses(issue, letter)
    form = schedule_form(request, issue, now)
    standing = _standing(request, form, issue, letter, now)
    is_ready = form.is_valid() and _is_as_seen(request, form, issue, letter)
    audience, asks_number = _audience_of(form, issue, now)
    is_ready = is_ready and form.has_accepted(lost) and (not asks_number or form.has_typed_number())
    waits = is_ready and "dialog" in request.GET and standing == RehearsalStatus.RUNNING
    if is_ready and not waits and _is_rehearsed(form, standing) and (mailing := _approve(form, issue, letter, now)):
        return _approved(request, mailing, now)
    context = _what_will_happen(issue, letter, form, audience, now) | losses_context(lost)
    context |= {"asks_number": asks_number, "waits": waits} | _rehearsal(issue, form.segment, standing)
    is_dialog = "dialog" in request.GET and not context["has_been_sent"]
    response = issue_page(request, "desk/schedule.html" if is_dialog else "desk/send.html", issue, context)
    if context["trial"] and context["trial"].finished_at is None:
        response.headers["Refresh"] = str(REFRESH_SECONDS)
    return response


def schedule_form(request: HttpRequest, issue: Issue, now: datetime) -> ScheduleForm:
    publication = Publication.objects.current()
    slots = next_slots(publication, SLOTS_OFFERED)
    earliest_at = now + approving.hold_duration(publication)
    names = "schedule_%s" if "dialog" in request.GET else "id_%s"  # a dialog shares the document with the page below it
    form = ScheduleForm(request.POST or None, issue=issue, slots=slots, earliest_at=earliest_at, auto_id=names)
    asked = request.POST.get("segment") or request.GET.get("segment", "")
    form.segment = asked if asked in segment_choices() else ""
    return form


def _is_as_seen(request: HttpRequest, form: ScheduleForm, issue: Issue, letter: FrozenLetter) -> bool:
    """Is the issue still what the page showed? Adds an error if not.

    One that cannot be sent at all passes: approving it gives the better error.
    """
    is_seen = request.POST.get("seen") == letter.content_hash
    if is_seen or obstacles(issue, form.send_at or form.earliest_at, letter=letter):
        return True
    form.add_error(None, _("The issue has changed since this page was opened. Look at it once more, then send it."))
    return False


def _standing(
    request: HttpRequest, form: ScheduleForm, issue: Issue, letter: FrozenLetter, now: datetime
) -> RehearsalStatus:
    """Status of the last rehearsal. POST starts a missing one, unless it is to be sent without."""
    if request.method == "POST" and not request.POST.get("unrehearsed"):
        return start_rehearsal_if_needed(issue, form.segment, letter.content_hash, now)
    return Rehearsal.objects.standing(issue, form.segment, letter.content_hash, now)


def _rehearsal(issue: Issue, segment: str, standing: RehearsalStatus) -> dict[str, Any]:
    latest = Rehearsal.objects.latest_of(issue, segment) if standing == RehearsalStatus.FAULTY else None
    errors = [one for one in latest.remarks if one["level"] == ERROR] if latest else []
    return {"standing": standing, "errors": errors, "is_unbegun": standing in NEEDS_REHEARSAL}


def _is_rehearsed(form: ScheduleForm, standing: RehearsalStatus) -> bool:
    """Is there a valid rehearsal, or has the author waived it? Adds an error if not."""
    if standing == RehearsalStatus.VALID or form.cleaned_data.get("unrehearsed"):
        return True
    otherwise = _("This issue has no valid rehearsal. Rehearse it, or tick the box below.")
    form.add_error(None, str(UNREHEARSED_TEXTS.get(standing, otherwise)))
    return False


def _approve(form: ScheduleForm, issue: Issue, letter: FrozenLetter, now: datetime) -> Mailing | None:
    approve = partial(approving.approve, issue, send_at=form.send_at, segment=form.segment, letter=letter)
    return _attempt(form, approve, now)


def _attempt(form: AcknowledgeLossesForm, approve: Callable[..., Mailing], now: datetime) -> Mailing | None:
    """If it fails, add an error to the form and return None."""
    hold = approving.hold_duration(Publication.objects.current())
    try:
        return approve(now=now, hold=hold, acknowledged=form.cleaned_data["acknowledged_digest"])
    except PlanningError as problem:
        form.add_error(None, str(problem))
        return None


def _approved(request: HttpRequest, mailing: Mailing, now: datetime) -> HttpResponse:
    """Go to the mailing's page; say whether it was this request that approved it."""
    facts = {"issue": mailing.issue, "time": long_moment(mailing.send_at)}
    if mailing.approved_at == now:
        wake_workers()
        text = _("%(issue)s is approved. The first mail leaves on %(time)s; cancel before then and nobody gets it.")
        messages.success(request, text % facts)
    elif request.method == "POST":
        text = _("%(issue)s was approved before, for %(time)s. Nothing was changed now.")
        messages.warning(request, text % facts)
    if request.method == "POST" and "dialog" in request.GET:  # the script redirects
        return JsonResponse({"url": reverse("admin:mailing", args=[mailing.pk])})
    return redirect("admin:mailing", mailing.pk)


def _audience_of(form: ScheduleForm, issue: Issue, now: datetime) -> tuple[Audience, bool]:
    audience = count_audience(issue, now, form.segment)
    return audience, audience.readers > Publication.objects.current().number_typed_above


def _what_will_happen(
    issue: Issue, letter: FrozenLetter, form: ScheduleForm, audience: Audience, now: datetime
) -> dict[str, Any]:
    publication = Publication.objects.current()
    at = form.send_at or form.earliest_at if form.is_bound else form.proposed
    items = list(issue.items.select_related("post").defer("post__body"))
    hindered = issue_obstacles(issue, at, letter=letter)
    hindered_now = issue_obstacles(issue, form.earliest_at, letter=letter)
    missing = reach.missing_parts()
    return {
        "title": _("Send"),
        "letter": letter,
        "form": form,
        "now": now,
        "hold_minutes": publication.hold_minutes,
        "audience": audience,
        "number_typed_above": publication.number_typed_above,
        "warm_up_plan": warm_up_plan(publication, audience.readers, at),
        "segments": segment_choices(),
        "segment": form.segment,
        "segment_in_words": segment_label(form.segment),
        "rows": [(item, item.post.state(at)) for item in items],
        "missing": missing,
        "headline": reach.headline(missing),
        "can_try": reach.ends_in_outbox() and not hindered,
        "trial": Trial.objects.filter(issue=issue).first(),
        "obstacles": hindered,
        "obstacles_now": [text for text in hindered_now if text not in hindered],
        "to_read_again": issue.posts_with_objections(publication),
        "has_been_sent": was_sent_to_all(issue),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: HttpRequest, pk: int) -> HttpResponse:
    issue, now = get_object_or_404(Issue, pk=pk), timezone.now()
    form, lost = CorrectionForm(request.POST or None), list[Loss]()
    if under_way := issue.mailings.open().first():
        return _correction_approved(request, under_way, now)
    if form.is_valid():
        note = form.cleaned_data["note"]
        letter = freeze_letter(issue, note)
        lost += losses(issue, letter, note)
        if form.has_accepted(lost) and (mailing := _approve_correction(form, issue, letter, now)):
            return _correction_approved(request, mailing, now)
    context = {
        "title": _("Correction"),
        "form": form,
        "subject": subject_line(issue, Publication.objects.current(), is_correction=True),
        "count": count_copies(issue),
        "hold_minutes": Publication.objects.current().hold_minutes,
        "obstacles": correction_obstacles(issue, "a note"),  # a stand-in: one not typed yet is no obstacle
        **losses_context(lost),
    }
    return issue_page(request, "desk/correction.html", issue, context)


def _approve_correction(form: CorrectionForm, issue: Issue, letter: FrozenLetter, now: datetime) -> Mailing | None:
    note = form.cleaned_data["note"]
    return _attempt(form, partial(approving.schedule_correction, issue, note=note, send_at=None, letter=letter), now)


def _correction_approved(request: HttpRequest, mailing: Mailing, now: datetime) -> HttpResponse:
    """Go to the mailing's page; say whether it was this request that approved it."""
    if mailing.approved_at == now:
        wake_workers()
        text = _("The correction is approved. It begins on %(time)s; cancel before then and nobody gets it.")
        messages.success(request, text % {"time": long_moment(mailing.send_at)})
    elif request.method == "POST":
        messages.warning(request, _("A mailing of this issue was approved before. Nothing was changed now."))
    return redirect("admin:mailing", mailing.pk)
