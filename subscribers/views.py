"""The readers' doors: sign up, confirm, change, pause, leave and come back. GET changes nothing anywhere."""

import json
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from newsletter.mail import tokens
from newsletter.mail.views import is_tester
from newsletter.publication.doors import capability, opening, same_origin, too_many
from newsletter.publication.limits import client_address, neighbourhood
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake
from newsletter.publication.windows import closed_seconds
from subscribers import admission, proofs, signup, tasks
from subscribers.admission import Admission, Step
from subscribers.forms import AddressForm, NameForm, PauseForm, SignupForm, person_pass, waiting_ticket
from subscribers.models import CONFIRM_WITHIN, UNDO_WITHIN, Consent, Subscriber
from subscribers.text import Notice, consent_text, notices

MINUTES_10, DAY = 600, 86_400  # seconds
DONE = {"name", "paused", "resumed", "address"}  # what the preferences page may say has been done

ask_and_act = require_http_methods(["GET", "HEAD", "POST"])


# --- Signing up ---


@ask_and_act
@same_origin
def subscribe(request: HttpRequest) -> HttpResponse:
    """Show the promise and the form; a POST is answered the same whoever the address belongs to."""
    if request.method != "POST":
        return _signup_page(request, SignupForm())
    if not Publication.objects.current().takes_readers:
        return _signup_page(request, SignupForm(), status=403)
    form = SignupForm(request.POST)
    if not form.is_valid():
        return _signup_page(request, form, status=422)
    found = _admit(request, form, timezone.now())
    if not found.is_open:
        return _ask_for_more(request, form, found)
    _sign_up(request, form, found.send_at)
    return render(request, "subscribers/check_mailbox.html", _mailbox(request, form) | {"send_at": found.send_at})


def _signup_page(request: HttpRequest, form: SignupForm, *, status: int = 200, closed_for: int = 0) -> HttpResponse:
    """Show the form with what was typed. closed_for: seconds until it may be sent again."""
    context = {"form": form, "email": form.data.get("email", ""), "notices": _notices()}
    context["opens_at"] = opening(closed_for, timezone.now()) if closed_for else ""
    response = render(request, "subscribers/subscribe.html", context, status=status)
    if closed_for:
        response.headers["Retry-After"] = str(closed_for)
    return response


def _admit(request: HttpRequest, form: SignupForm, now: datetime) -> Admission:
    """Return whether this sign-up is let in; what was asked of it before, and brought along, opens without counting."""
    network, data = neighbourhood(client_address(request)), form.cleaned_data
    if proofs.is_solved(data["altcha"], data["email"]) or form.has_pass(now):
        return admission.OPEN
    if form.has_ticket(now):
        return admission.queue(network, data["ticket"], now)
    return admission.knock(network, now, is_like_person=form.is_from_person(now))


def _ask_for_more(request: HttpRequest, form: SignupForm, found: Admission) -> HttpResponse:
    if found.step is Step.CLOSED:
        return _signup_page(request, form, status=429, closed_for=found.seconds)
    email, now = form.cleaned_data["email"], timezone.now()
    context = {"email": email, "place": form.cleaned_data["place"], "is_crowded": found.is_crowded}
    if found.step is Step.PROOF:
        context |= {"sum": json.dumps(proofs.challenge(email, now)), "ticket": waiting_ticket(email, now)}
        return render(request, "subscribers/proof.html", context)
    return render(request, "subscribers/person.html", context | {"person": person_pass(email, now)})


def _sign_up(request: HttpRequest, form: SignupForm, send_at: datetime | None) -> None:
    text = consent_text(promise=Publication.objects.current().promise, notes=_notices())
    source = f"web:{form.cleaned_data['place'] or 'page'}"
    consent = Consent(source=source, text=text, ip=client_address(request) or None)
    now = timezone.now()
    if signup.sign_up(form.cleaned_data["email"], consent, now, send_at=send_at):
        admission.count_mail(now)
        wake(tasks.send_confirmations)  # without a queue, beat has it sent within ten seconds


def _mailbox(request: HttpRequest, form: SignupForm) -> dict[str, object]:
    """Return what the result page shows; someone who tries the product at home finds the mail in the outbox."""
    at_home = not settings.MAIL_URL and is_tester(request)
    sender = Publication.objects.current().sender[1]
    return {"email": form.cleaned_data["email"], "sender": sender, "shows_outbox": at_home, "days": CONFIRM_WITHIN.days}


def _notices() -> list[Notice]:
    publication = Publication.objects.current()
    contact = publication.reply_to or publication.sender_email
    return notices(name=publication.name, author=publication.author, contact=contact)


# --- Confirming ---


@capability
@ask_and_act
@same_origin
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET, because mail scanners follow links; confirm on POST."""
    subscriber = Subscriber.objects.opened_by(token, "confirm")
    if subscriber is None:
        return _spent_or_lost(request, token)
    if not subscriber.can_confirm(timezone.now()):
        return closed(request, "expired", status=410)
    if request.method == "POST":
        subscriber.confirm(timezone.now())
        return render(request, "subscribers/confirmed.html", {"subscriber": subscriber})
    return render(request, "subscribers/confirm.html", {"subscriber": subscriber})


def _spent_or_lost(request: HttpRequest, token: str) -> HttpResponse:
    """Answer a link that opens nothing: its second click is a success to whoever confirmed by the first."""
    subscriber = Subscriber.objects.filter(pk=tokens.number_of(token) or 0).first()
    if subscriber is None or not subscriber.has_spent(token):
        return lost(request)
    if subscriber.is_reader and request.method == "POST":
        return render(request, "subscribers/confirmed.html", {"subscriber": subscriber})
    return closed(request, "confirmed" if subscriber.is_reader else "spent", status=410)


# --- Leaving and coming back ---


@csrf_exempt
@capability
@ask_and_act
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET; on POST act, and for a mail provider at once, wherever its request comes from (RFC 8058)."""
    is_one_click = request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click"
    return _leave_by_one_click(request, token) if is_one_click else _unsubscribe_page(request, token)


def _leave_by_one_click(request: HttpRequest, token: str) -> HttpResponse:
    subscriber = Subscriber.objects.opened_by(token, "unsubscribe")
    if subscriber is not None:
        subscriber.unsubscribe(timezone.now())
    elif not tokens.opens(token, "unsubscribe"):
        return lost(request)
    return HttpResponse("OK", content_type="text/plain")  # also to a reader who was erased since


@same_origin
def _unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    subscriber = Subscriber.objects.opened_by(token, "unsubscribe")
    if subscriber is None:
        was_reader = tokens.opens(token, "unsubscribe")
        return closed(request, "erased", status=410) if was_reader else lost(request)
    if request.method == "POST":
        subscriber.unsubscribe(timezone.now())
    if subscriber.state == Subscriber.State.UNSUBSCRIBED:
        return _left(request, subscriber)
    return render(request, "subscribers/unsubscribe.html", {"subscriber": subscriber})


@capability
@ask_and_act
@same_origin
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """Take back a leaving: ask on GET, act on POST."""
    subscriber = Subscriber.objects.opened_by(token, "undo")
    if subscriber is None:
        return lost(request)
    if not subscriber.can_undo(timezone.now()):
        return closed(request, "undo", status=410)
    if request.method == "POST":
        subscriber.undo(timezone.now())
        return render(request, "subscribers/back.html", {"subscriber": subscriber})
    return render(request, "subscribers/undo.html", {"subscriber": subscriber})


def _left(request: HttpRequest, subscriber: Subscriber) -> HttpResponse:
    can_undo = subscriber.can_undo(timezone.now())
    context = {"subscriber": subscriber, "can_undo": can_undo, "days": UNDO_WITHIN.days}
    return render(request, "subscribers/left.html", context)


# --- Preferences ---


@capability
@ask_and_act
@same_origin
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a reader may change; a POST changes the name."""
    subscriber = Subscriber.objects.opened_by(token, "preferences")
    if subscriber is None:
        return lost(request)
    form = NameForm(request.POST if request.method == "POST" else {"name": subscriber.name})
    if request.method == "POST" and form.is_valid():
        subscriber.name = form.cleaned_data["name"]
        subscriber.save(update_fields=["name"])
        return done(token, "name")
    return preferences_page(request, subscriber, name_form=form)


@capability
@require_POST
@same_origin
def pause(request: HttpRequest, token: str) -> HttpResponse:
    """Stop letters until a day; they come again by themselves."""
    subscriber = Subscriber.objects.opened_by(token, "preferences")
    if subscriber is None:
        return lost(request)
    form = PauseForm(request.POST, today=timezone.localdate())
    if not form.is_valid():
        return preferences_page(request, subscriber, pause_form=form)
    subscriber.pause(form.until())
    return done(token, "paused")


@capability
@require_POST
@same_origin
def resume(request: HttpRequest, token: str) -> HttpResponse:
    """End a pause now."""
    subscriber = Subscriber.objects.opened_by(token, "preferences")
    if subscriber is None:
        return lost(request)
    subscriber.resume()
    return done(token, "resumed")


def done(token: str, what: str) -> HttpResponse:
    response = redirect("subscribers:preferences", token)
    response.headers["Location"] += f"?done={what}"
    return response


def preferences_page(
    request: HttpRequest,
    subscriber: Subscriber,
    *,
    name_form: NameForm | None = None,
    pause_form: PauseForm | None = None,
    address_form: AddressForm | None = None,
) -> HttpResponse:
    if subscriber.state == Subscriber.State.UNSUBSCRIBED:
        return _left(request, subscriber)
    if not subscriber.is_reader:
        return closed(request, "pending", status=410)
    context = {
        "subscriber": subscriber,
        "token": tokens.sign("preferences", subscriber.pk),
        "is_paused": subscriber.is_paused(timezone.now()),
        "name_form": name_form or NameForm({"name": subscriber.name}),
        "pause_form": pause_form or PauseForm(today=timezone.localdate()),
        "address_form": address_form or AddressForm(subscriber=subscriber),
        "waits_for": subscriber.address_changes.waiting(timezone.now()).first(),
        "done": what if (what := request.GET.get("done")) in DONE else "",
    }
    has_error = any(form is not None and form.errors for form in (name_form, pause_form, address_form))
    return render(request, "subscribers/preferences.html", context, status=422 if has_error else 200)


# --- Links that open nothing ---


def lost(request: HttpRequest) -> HttpResponse:
    """Answer a token that was never given out. Guesses are counted; links that open are not, because
    a mail provider unsubscribes many readers from one address."""
    who = neighbourhood(client_address(request))
    if seconds := closed_seconds("token", who, limit=60, seconds=MINUTES_10, now=timezone.now()):
        return too_many(request, seconds=seconds)
    return closed(request, "unknown", status=404)


def closed(request: HttpRequest, why: str, *, status: int) -> HttpResponse:
    return render(request, "subscribers/closed.html", {"why": why}, status=status)
