"""The page behind the link that cancels what a program has scheduled. GET asks, POST acts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from newsletter.delivery.author.cancel_links import opened_by
from newsletter.delivery.author.views import asked_who_it_is, came_by_mail
from newsletter.delivery.models import Mailing
from newsletter.publication.changes import Via, acting
from newsletter.publication.doors import capability, same_origin
from subscribers.pages.views import lost


@capability
@require_http_methods(["GET", "HEAD", "POST"])
@same_origin
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether a mailing is to be cancelled; a POST cancels it, also one that has begun."""
    mailing = opened_by(token)
    if mailing is None:
        return lost(request)
    if not came_by_mail(request):
        return asked_who_it_is(request)
    is_late = False
    if request.method == "POST":
        with acting(request.user.get_username(), Via.LETTER):
            is_late = not mailing.cancel(timezone.now()) and mailing.state != Mailing.State.CANCELLED
    counts = mailing.counts()
    context = {
        "mailing": mailing,
        "issue": mailing.issue,
        "is_open": mailing.state in Mailing.OPEN_STATES,
        "is_cancelled": mailing.state == Mailing.State.CANCELLED,
        "left": counts.sent + counts.uncertain + counts.sending,
    }
    return render(request, "delivery/cancel.html", context, status=409 if is_late else 200)
