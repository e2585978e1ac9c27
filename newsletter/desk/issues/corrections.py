"""A correction of an issue that readers have: what it will look like, to how many it goes, and its approval."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from newsletter.delivery.letter.losses import Loss, Unfilled, losses
from newsletter.delivery.letter.rendering import FrozenLetter, freeze, subject_line
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError, copies, obstacles_to_correcting
from newsletter.desk.forms import CorrectionForm
from newsletter.desk.issues.composer import in_question, in_words, page, wake_up
from newsletter.issues.models import Issue
from newsletter.publication.models import Publication


@require_http_methods(["GET", "HEAD", "POST"])
def correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask what was wrong; one POST approves the correction, which leaves when its hold has passed."""
    issue, now = get_object_or_404(Issue, pk=pk), timezone.now()
    form, lost = CorrectionForm(request.POST or None), list[Loss | Unfilled]()
    if under_way := issue.mailings.open().first():
        return _approved(request, under_way, now)
    if form.is_valid():
        note = form.cleaned_data["note"]
        letter = freeze(issue, note)
        lost += losses(issue, letter, note)
        if form.knows(lost) and (mailing := _approve(form, issue, letter, now)):
            return _approved(request, mailing, now)
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


def _approve(form: CorrectionForm, issue: Issue, letter: FrozenLetter, now: datetime) -> Mailing | None:
    """Approve the correction; add an error to `form` and return None if there is nothing to correct."""
    hold, said = approving.hold_of(Publication.objects.current()), form.cleaned_data
    try:
        return approving.correct(
            issue, note=said["note"], send_at=None, now=now, hold=hold, acknowledged=said["unshown"], letter=letter
        )
    except PlanningError as problem:
        form.add_error(None, str(problem))
        return None


def _approved(request: HttpRequest, mailing: Mailing, now: datetime) -> HttpResponse:
    """Go to the mailing's page; say whether it was this request that approved it."""
    if mailing.approved_at == now:
        wake_up()
        text = _("The correction is approved. The first mail leaves on %(time)s; until then a cancel reaches nobody.")
        messages.success(request, text % {"time": in_words(mailing.send_at)})
    elif request.method == "POST":
        messages.warning(request, _("A mailing of this issue was approved before. Nothing was changed now."))
    return redirect("admin:mailing", mailing.pk)
