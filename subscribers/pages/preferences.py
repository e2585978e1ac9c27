"""The door that every letter opens: pause, resume, leave, and ask for a link to one's own data.

A letter may be forwarded, so its page shows no address and no name, and changes nothing but whether letters come.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from newsletter.publication.doors import capability, same_origin
from newsletter.publication.wakeups import wake
from subscribers import tasks
from subscribers.forms import PauseForm
from subscribers.links import FRESH_MINUTES
from subscribers.mails import freshening
from subscribers.models import Subscriber
from subscribers.pages.views import closed, left, lost

PURPOSE = "preferences"
DONE = {"paused", "resumed", "link"}  # what the page may say has been done


@capability
@require_safe
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Show what whoever has a letter may do."""
    subscriber = Subscriber.objects.opened_by(token, PURPOSE)
    return lost(request, token, PURPOSE) if subscriber is None else _page(request, subscriber)


@capability
@require_POST
@same_origin
def pause(request: HttpRequest, token: str) -> HttpResponse:
    """Stop letters until a day; they come again by themselves."""
    subscriber = Subscriber.objects.opened_by(token, PURPOSE)
    if subscriber is None:
        return lost(request, token, PURPOSE)
    form = PauseForm(request.POST, today=timezone.localdate())
    if not form.is_valid():
        return _page(request, subscriber, form)
    subscriber.pause(form.until(), timezone.now())
    return done("preferences", token, "paused")


@capability
@require_POST
@same_origin
def resume(request: HttpRequest, token: str) -> HttpResponse:
    """End a pause now."""
    subscriber = Subscriber.objects.opened_by(token, PURPOSE)
    if subscriber is None:
        return lost(request, token, PURPOSE)
    subscriber.resume(timezone.now())
    return done("preferences", token, "resumed")


@capability
@require_POST
@same_origin
def send_link(request: HttpRequest, token: str) -> HttpResponse:
    """Mail a link to the reader's own data to the reader's own mailbox; the answer is always the same."""
    subscriber = Subscriber.objects.opened_by(token, PURPOSE)
    if subscriber is None:
        return lost(request, token, PURPOSE)
    if freshening.ask(subscriber, timezone.now()):
        wake(tasks.send_confirmations)
    return done("preferences", token, "link")


def done(page: str, token: str, what: str) -> HttpResponse:
    response = redirect(f"subscribers:{page}", token)
    response.headers["Location"] += f"?done={what}"
    return response


def _page(request: HttpRequest, subscriber: Subscriber, pause_form: PauseForm | None = None) -> HttpResponse:
    if subscriber.state == Subscriber.State.UNSUBSCRIBED:
        return left(request, subscriber)
    if not subscriber.is_reader:
        return closed(request, "pending", status=410)
    context = {
        "subscriber": subscriber,
        "token": subscriber.token(PURPOSE),
        "is_paused": subscriber.is_paused(timezone.now()),
        "pause_form": pause_form or PauseForm(today=timezone.localdate()),
        "done": what if (what := request.GET.get("done")) in DONE else "",
        "minutes": FRESH_MINUTES,
    }
    return render(request, "subscribers/preferences.html", context, status=422 if pause_form else 200)
