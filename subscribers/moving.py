"""The reader's door to another address: asked for on the preferences page, confirmed from the new mailbox."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from newsletter.publication.doors import capability, same_origin, too_many
from newsletter.publication.limits import is_over
from newsletter.publication.wakeups import wake
from subscribers import changing, tasks
from subscribers.changes import AddressChange
from subscribers.forms import AddressForm
from subscribers.models import Subscriber, address_hash
from subscribers.views import DAY, ask_and_act, closed, done, lost, preferences_page

PER_DAY = 5  # letters that one reader may have sent to new addresses, and that one address may get


@capability
@require_POST
@same_origin
def change_address(request: HttpRequest, token: str) -> HttpResponse:
    """Have the new address asked; the answer is the same whoever it belongs to."""
    subscriber = Subscriber.objects.opened_by(token, "preferences")
    if subscriber is None:
        return lost(request)
    form = AddressForm(request.POST, subscriber=subscriber)
    if not subscriber.is_reader or not form.is_valid():
        return preferences_page(request, subscriber, address_form=form)
    email = form.cleaned_data["email"]
    for whom in (str(subscriber.pk), address_hash(email)):
        if is_over("address-change", whom, limit=PER_DAY, seconds=DAY):
            return too_many(request, seconds=DAY)
    if changing.ask(subscriber, email, timezone.now()):
        wake(tasks.send_confirmations)
    return done(token, "address")


@capability
@ask_and_act
@same_origin
def move(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET, because mail scanners follow links; move the subscription on POST."""
    change = AddressChange.objects.opened_by(token)
    if change is None:
        return lost(request)
    if request.method == "POST" and changing.confirm(change, timezone.now()):
        wake(tasks.send_confirmations)
    if change.confirmed_at:
        return render(request, "subscribers/moved.html", {"change": change})
    if not change.can_confirm(timezone.now()):
        return closed(request, "address", status=410)
    return render(request, "subscribers/move.html", {"change": change})
