"""Trials of an issue while mail ends in the outbox: begin one, throw it away."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from newsletter.delivery import trials
from newsletter.delivery.models import Trial
from newsletter.delivery.planning.approving import PlanningError
from newsletter.desk.issues.composer import wake_workers
from newsletter.issues.models import Issue


@require_POST
def begin(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        trials.begin(get_object_or_404(Issue, pk=pk), timezone.now())
    except PlanningError as problem:
        messages.error(request, str(problem))
    else:
        wake_workers()
    return redirect("admin:issue_send", pk)


@require_POST
def throw_away(request: HttpRequest, pk: int) -> HttpResponse:
    if Trial.objects.throw_away(get_object_or_404(Issue, pk=pk)):
        messages.success(request, _("The trial is gone, and its letters with it."))
    return redirect("admin:issue_send", pk)
