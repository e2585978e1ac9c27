"""From a composed issue to its readers: what will happen, and the press that schedules it; the same for a correction.

The form of an issue stands on a page of its own and in a dialog over the issue, which asks for it with `?dialog`.
"""

from datetime import datetime
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
from newsletter.delivery.letter.rendering import FrozenLetter, freeze, subject_line
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import ERROR, Rehearsal, Standing
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import (
    PlanningError,
    copies,
    obstacles,
    obstacles_to_correcting,
    was_sent_to_all,
)
from newsletter.desk.audiences import Audience, audience_of, segments, spread_of, words_for
from newsletter.desk.forms import CorrectionForm, WhenForm
from newsletter.desk.issues.composer import UNBEGUN, begin_if_needed, in_question, in_words, page, wake_up
from newsletter.issues.models import Issue
from newsletter.issues.templatetags.contents import next_slots
from newsletter.publication.models import Publication

SLOTS_OFFERED = 6
UNREHEARSED = {  # what is said to an author who was faster, or who has to decide
    Standing.RUNNING: gettext_lazy("The rehearsal is still under way. It takes some seconds: press once more then."),
}


@require_http_methods(["GET", "HEAD", "POST"])
def send(request: HttpRequest, pk: int) -> HttpResponse:
    issue, now = get_object_or_404(Issue, pk=pk), timezone.now()
    if under_way := issue.mailings.open().first():
        return _approved(request, under_way, now)
    letter = freeze(issue)
    lost = losses(issue, letter)
    form = when_form(request, issue, now)
    standing = _standing(request, form, issue, letter, now)
    is_ready = form.is_valid() and _is_as_seen(request, form, issue, letter)
    audience, asks_number = _asked_of(form, issue, now)
    is_ready = is_ready and form.knows(lost) and (not asks_number or form.names_the_issue())
    waits = is_ready and "dialog" in request.GET and standing == Standing.RUNNING
    if is_ready and not waits and _is_rehearsed(form, standing) and (mailing := _approve(form, issue, letter, now)):
        return _approved(request, mailing, now)
    context = _what_will_happen(issue, letter, form, audience, now) | in_question(lost)
    context |= {"asks_number": asks_number, "waits": waits} | _rehearsal(issue, form.segment, standing)
    is_dialog = "dialog" in request.GET and not context["has_been_sent"]
    return page(request, "desk/schedule.html" if is_dialog else "desk/send.html", issue, context)


def when_form(request: HttpRequest, issue: Issue, now: datetime) -> WhenForm:
    publication = Publication.objects.current()
    slots = next_slots(publication, SLOTS_OFFERED)
    begins = now + approving.hold_of(publication)
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
    if is_seen or obstacles(issue, form.send_at or form.begins, letter=letter):
        return True
    form.add_error(None, _("The issue has changed since this page was opened. Look at it once more, then send it."))
    return False


def _standing(request: HttpRequest, form: WhenForm, issue: Issue, letter: FrozenLetter, now: datetime) -> Standing:
    """Return what the last rehearsal is worth; a press begins one that is missing, unless it is to be done without."""
    if request.method == "POST" and not request.POST.get("unrehearsed"):
        return begin_if_needed(issue, form.segment, letter.content_hash, now)
    return Rehearsal.objects.standing(issue, form.segment, letter.content_hash, now)


def _rehearsal(issue: Issue, segment: str, standing: Standing) -> dict[str, Any]:
    latest = Rehearsal.objects.latest_of(issue, segment) if standing == Standing.FAULTY else None
    errors = [one for one in latest.remarks if one["level"] == ERROR] if latest else []
    return {"standing": standing, "errors": errors, "is_unbegun": standing in UNBEGUN}


def _is_rehearsed(form: WhenForm, standing: Standing) -> bool:
    """Return whether a rehearsal stands for the letter, or the author sends it anyway; add an error if neither."""
    if standing == Standing.VALID or form.cleaned_data.get("unrehearsed"):
        return True
    otherwise = _("This issue has no valid rehearsal. Rehearse it, or tick the box below.")
    form.add_error(None, str(UNREHEARSED.get(standing, otherwise)))
    return False


def _approve(form: WhenForm, issue: Issue, letter: FrozenLetter, now: datetime) -> Mailing | None:
    """Approve the issue as it was seen; add an error to `form` and return None if it cannot be sent as it is."""
    hold, acknowledged = approving.hold_of(Publication.objects.current()), form.cleaned_data["unshown"]
    try:
        return approving.approve(
            issue,
            send_at=form.send_at,
            now=now,
            hold=hold,
            segment=form.segment,
            acknowledged=acknowledged,
            letter=letter,
        )
    except PlanningError as problem:
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
    if request.method == "POST" and "dialog" in request.GET:  # its script goes there, where the message is shown
        return JsonResponse({"url": reverse("admin:mailing", args=[mailing.pk])})
    return redirect("admin:mailing", mailing.pk)


def _asked_of(form: WhenForm, issue: Issue, now: datetime) -> tuple[Audience, bool]:
    audience = audience_of(issue, now, form.segment)
    return audience, audience.readers > Publication.objects.current().number_typed_above


def _what_will_happen(
    issue: Issue, letter: FrozenLetter, form: WhenForm, audience: Audience, now: datetime
) -> dict[str, Any]:
    publication = Publication.objects.current()
    at = form.send_at or form.begins if form.is_bound else form.proposed
    items = list(issue.items.select_related("post").defer("post__body"))
    hindered = obstacles(issue, at, letter=letter)
    hindered_now = obstacles(issue, form.begins, letter=letter)
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
        "has_been_sent": was_sent_to_all(issue),
    }


# --- A correction ---


@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: HttpRequest, pk: int) -> HttpResponse:
    issue, now = get_object_or_404(Issue, pk=pk), timezone.now()
    form, lost = CorrectionForm(request.POST or None), list[Loss]()
    if under_way := issue.mailings.open().first():
        return _correction_approved(request, under_way, now)
    if form.is_valid():
        note = form.cleaned_data["note"]
        letter = freeze(issue, note)
        lost += losses(issue, letter, note)
        if form.knows(lost) and (mailing := _approve_correction(form, issue, letter, now)):
            return _correction_approved(request, mailing, now)
    context = {
        "title": _("Correction"),
        "form": form,
        "subject": subject_line(issue, Publication.objects.current(), is_correction=True),
        "count": copies(issue),
        "hold_minutes": Publication.objects.current().hold_minutes,
        "obstacles": obstacles_to_correcting(issue, "a note"),
        **in_question(lost),
    }
    return page(request, "desk/correction.html", issue, context)


def _approve_correction(form: CorrectionForm, issue: Issue, letter: FrozenLetter, now: datetime) -> Mailing | None:
    """Approve the correction; add an error to `form` and return None if there is nothing to correct."""
    hold, said = approving.hold_of(Publication.objects.current()), form.cleaned_data
    try:
        return approving.correct(
            issue, note=said["note"], send_at=None, now=now, hold=hold, acknowledged=said["unshown"], letter=letter
        )
    except PlanningError as problem:
        form.add_error(None, str(problem))
        return None


def _correction_approved(request: HttpRequest, mailing: Mailing, now: datetime) -> HttpResponse:
    """Go to the mailing's page; say whether it was this request that approved it."""
    if mailing.approved_at == now:
        wake_up()
        text = _("The correction is approved. The first mail leaves on %(time)s; until then a cancel reaches nobody.")
        messages.success(request, text % {"time": in_words(mailing.send_at)})
    elif request.method == "POST":
        messages.warning(request, _("A mailing of this issue was approved before. Nothing was changed now."))
    return redirect("admin:mailing", mailing.pk)
