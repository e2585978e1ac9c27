"""The door for whoever has no letter at hand: a link goes to the mailbox of the address, if it is a reader's."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from newsletter.publication.doors import same_origin, too_many
from newsletter.publication.limits import client_address, closed_seconds, neighbourhood
from newsletter.publication.wakeups import wake
from subscribers import tasks
from subscribers.forms import DoorForm
from subscribers.links import FRESH_MINUTES
from subscribers.models import LinkWish
from subscribers.pages.views import MINUTES_10, ask_and_act

PER_NETWORK = 10  # wishes within ten minutes


@ask_and_act
@same_origin
def door(request: HttpRequest) -> HttpResponse:
    """Show the form; a POST is answered the same, and costs the same, whoever the address belongs to."""
    form = DoorForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "minutes": FRESH_MINUTES, "email": ""}
    if request.method == "POST" and form.is_valid():
        now, who = timezone.now(), neighbourhood(client_address(request))
        if seconds := closed_seconds("door", who, limit=PER_NETWORK, seconds=MINUTES_10, now=now):
            return too_many(request, seconds=seconds)
        email: str = form.cleaned_data["email"]
        context["email"] = email
        LinkWish.objects.keep(email, now)
        wake(tasks.send_confirmations)  # without a queue, beat has it sent within ten seconds
    response = render(request, "subscribers/door.html", context, status=422 if form.errors else 200)
    response.headers["Cache-Control"] = "no-store"
    return response
