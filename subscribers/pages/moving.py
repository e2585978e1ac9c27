"""The two doors of a move: the new mailbox confirms, and the former one takes it back."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from newsletter.publication.doors import capability, same_origin
from newsletter.publication.wakeups import wake
from subscribers import tasks
from subscribers.mails import changing
from subscribers.models.address_changes import AddressChange
from subscribers.pages.views import ask_and_act, circumstances, closed, lost


@capability
@ask_and_act
@same_origin
def move(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET, because mail scanners follow links; move the subscription on POST."""
    change = AddressChange.objects.opened_by(token)
    if change is None:
        return lost(request)
    now = timezone.now()
    if request.method == "POST" and changing.confirm(change, now, circumstances(request, "link in the new mailbox")):
        wake(tasks.send_confirmations)
    if change.undone_at:
        return closed(request, "undone", status=410)
    if change.confirmed_at:
        return render(request, "subscribers/moved.html", {"change": change})
    if not change.can_confirm(now):
        return closed(request, "address", status=410)
    return render(request, "subscribers/move.html", {"change": change})


@capability
@ask_and_act
@same_origin
def undo_move(request: HttpRequest, token: str) -> HttpResponse:
    """Bring the letters back to the former address: ask on GET, act on POST."""
    change = AddressChange.objects.undone_by(token)
    if change is None:
        return lost(request)
    now = timezone.now()
    if request.method == "POST":
        changing.undo(change, now, circumstances(request, "link in the former mailbox"))
    if not (change.undone_at or change.can_undo(now)):
        return closed(request, "undo-move", status=410)
    return render(request, "subscribers/undo_move.html", {"change": change})
