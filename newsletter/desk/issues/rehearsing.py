"""The rehearsal of an issue: begun by a click, read while it goes on."""

from dataclasses import asdict
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.delivery.models.rehearsals import Rehearsal, Standing, digest_of
from newsletter.delivery.rehearsal.rehearse import as_if
from newsletter.delivery.rehearsal.rehearse import rehearse as rehearsed
from newsletter.desk import tasks
from newsletter.desk.audiences import segments, words_for
from newsletter.desk.issues.composer import page
from newsletter.desk.issues.composing import rehearsal_of
from newsletter.desk.rehearsals import about_readers
from newsletter.issues.models import Issue
from newsletter.publication.wakeups import wake

UNBEGUN = {Standing.NONE, Standing.OUTDATED, Standing.STUCK}  # nothing works at a rehearsal of the letter as it is
FRESH_SECONDS = 2  # until the page asks again while a worker looks outside


@require_http_methods(["GET", "HEAD", "POST"])
def rehearse(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what the last rehearsal found, and how far it is; a POST begins another."""
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
    """Return what the page of an issue says of its rehearsal, while that runs by itself."""
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
    report = rehearsed(mailing, now)
    found = Rehearsal.objects.create(
        issue=issue,
        segment=segment,
        digest=digest_of(mailing.content_hash, segment),
        started_at=now,
        told_at=now,
        remarks=[asdict(one) for one in (*about_readers(issue, segment, now), *report.remarks)],
        copies=report.copies,
        links=report.links,
    )
    wake(tasks.look_outside, found.pk)
    return found
