"""The readers' doors: sign up, here or in another site's frame, confirm, leave, come back. GET changes nothing."""

import io
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import segno
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.csp import CSP
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from newsletter.mail import tokens
from newsletter.mail.views import is_tester
from newsletter.publication.doors import capability, is_own, opening, same_origin, too_many
from newsletter.publication.kept import kept
from newsletter.publication.limits import client_address, closed_seconds, is_over, neighbourhood
from newsletter.publication.models import Publication
from newsletter.publication.wakeups import wake
from subscribers import origins, privacy, remembering, signup, tasks
from subscribers.addresses import LENGTH_MAX
from subscribers.forms import NAME_MAX, DoorForm, SignupForm, person_pass, waiting_ticket
from subscribers.links import FRESH_MINUTES
from subscribers.models import CONFIRM_WITHIN, LinkWish, Sentence, Subscriber
from subscribers.models.consents import Circumstances
from subscribers.models.notes import SENTENCE_LENGTH_MAX as SENTENCE_MAX
from subscribers.privacy import Notice, confirm_words, notices, signup_words
from subscribers.signup import Admission, Step

MINUTES_10, DAY = 600, 86_400  # seconds
SENTENCES_PER_DAY = 10  # that one reader may send, corrections with them

ask_and_act = require_http_methods(["GET", "HEAD", "POST"])


# --- Signing up ---


@csrf_exempt
@ask_and_act
def subscribe(request: HttpRequest) -> HttpResponse:
    """Show the promise and the form; a POST is answered the same whoever the address belongs to.

    A form on another site only fills in the address: its reader reads our words, and presses our button.
    """
    if request.method == "POST" and is_own(request):
        return _take(request)
    return _signup_page(request, SignupForm(), typed=(request.POST or request.GET).get("email", ""))


@capability
@require_safe
def invited(request: HttpRequest, token: str) -> HttpResponse:
    """Show the sign-up to whoever was invited by a reader; it is the same whether the token opens or not."""
    if not Publication.objects.current().invites or not tokens.number_of(token):
        return redirect("subscribers:subscribe")
    return _signup_page(request, SignupForm(), invite=token)


def _take(request: HttpRequest) -> HttpResponse:
    """Let an address in, or ask for more."""
    if not Publication.objects.current().takes_readers:
        return _signup_page(request, SignupForm(), status=403)
    form = SignupForm(request.POST)
    if not form.is_valid():
        return _signup_page(request, form, status=422)
    if form.meant:
        return _ask_if_right(request, form)
    found = _admit(request, form, timezone.now())
    if not found.is_open:
        return _ask_for_more(request, form, found)
    _sign_up(request, form, found.send_at)
    return render(request, "subscribers/check_mailbox.html", _mailbox(request, form) | {"send_at": found.send_at})


def _signup_page(
    request: HttpRequest, form: SignupForm, *, status: int = 200, closed_for: int = 0, typed: str = "", invite: str = ""
) -> HttpResponse:
    """Show the form with what was typed, here or in a link. closed_for: seconds until it may be sent again."""
    context = {
        "form": form,
        "email": form.data.get("email", typed[:LENGTH_MAX]),
        "name": form.data.get("name", "")[:NAME_MAX],
        "notices": _notices(),
        "came": _came(request),
        "invite": getattr(form, "cleaned_data", {}).get("invite", invite),
    }
    context["opens_at"] = opening(closed_for, timezone.now()) if closed_for else ""
    response = render(request, "subscribers/subscribe.html", context, status=status)
    if closed_for:
        response.headers["Retry-After"] = str(closed_for)
    return response


def _ask_if_right(request: HttpRequest, form: SignupForm) -> HttpResponse:
    """Ask about an address that looks mistyped, by two buttons. Nothing is kept or counted before one is pressed."""
    context = {name: form.cleaned_data[name] for name in ("email", "name", "place", "stamp", "website", "invite")}
    context |= {"came": _came(request), "meant": form.meant, "domain": form.meant.rpartition("@")[2]}
    return render(request, "subscribers/meant.html", context)


def _admit(request: HttpRequest, form: SignupForm, now: datetime) -> Admission:
    """Return whether this sign-up is let in; what was asked of it before, and brought along, opens without counting."""
    network, data = neighbourhood(client_address(request)), form.cleaned_data
    if signup.is_solved(data["altcha"], data["email"]) or form.has_pass(now):
        return signup.OPEN
    if form.has_ticket(now):
        return signup.queue(network, data["ticket"], now)
    return signup.knock(network, now, is_like_person=form.is_from_person(now))


def _ask_for_more(request: HttpRequest, form: SignupForm, found: Admission) -> HttpResponse:
    if found.step is Step.CLOSED:
        return _signup_page(request, form, status=429, closed_for=found.seconds)
    email, now = form.cleaned_data["email"], timezone.now()
    context = {"email": email, "place": form.cleaned_data["place"], "is_crowded": found.is_crowded}
    context |= {"came": _came(request), "name": form.cleaned_data["name"], "invite": form.cleaned_data["invite"]}
    if found.step is Step.PROOF:
        context |= {"sum": json.dumps(signup.challenge(email, now)), "ticket": waiting_ticket(email, now)}
        return render(request, "subscribers/proof.html", context)
    return render(request, "subscribers/person.html", context | {"person": person_pass(email, now)})


def _sign_up(request: HttpRequest, form: SignupForm, send_at: datetime | None) -> None:
    publication, place, now = Publication.objects.current(), form.cleaned_data["place"] or "page", timezone.now()
    words = signup_words(
        place,
        name=publication.name,
        promise=publication.promise,
        notes=_notices(),
        asks_name=publication.asks_name,
    )
    inviter = _inviter(form.cleaned_data["invite"])
    source = " ".join(filter(None, [f"web:{place}", origins.INVITED if inviter else "", _came(request)]))
    how, who = circumstances(request, source, words), signup.Newcomer(form.cleaned_data["name"], inviter)
    if signup.sign_up(form.cleaned_data["email"], how, now, send_at=send_at, who=who):
        signup.count_mail(now)
        wake(tasks.send_confirmations)  # without a queue, beat has it sent within ten seconds


def _inviter(token: str) -> Subscriber | None:
    """Return the reader by whose letter somebody came; None without one, and while readers do not invite."""
    invites = token and Publication.objects.current().invites
    return Subscriber.objects.opened_by(token, "invite") if invites else None


def _came(request: HttpRequest) -> str:
    """Return where this reader came from: what the form says of it, and the address of the page that it stood on.

    Browsers say the address to our own pages (Referrer-Policy same-origin), so a kept page needs no field for it.
    """
    own = [str(urlsplit(url).hostname) for url in (f"//{request.get_host()}", settings.SITE_URL)]
    here = origins.of_link(request.headers.get("Referer", ""), request.GET, own)
    return origins.joined(request.POST.get("came", ""), here)


def circumstances(request: HttpRequest, source: str, text: str = "") -> Circumstances:
    """Return what is kept of an agreement that this request gives. text: the words that its form showed."""
    return Circumstances(source, text, client_address(request) or None, privacy.words() if text else "")


def _mailbox(request: HttpRequest, form: SignupForm) -> dict[str, object]:
    """Return what the result page shows; someone who tries the product at home finds the mail in the outbox."""
    at_home = not settings.MAIL_URL and is_tester(request)
    sender = Publication.objects.current().sender[1]
    return {"email": form.cleaned_data["email"], "sender": sender, "shows_outbox": at_home, "days": CONFIRM_WITHIN.days}


def _notices() -> list[Notice]:
    publication = Publication.objects.current()
    contact = publication.reply_to or publication.sender_email
    return notices(name=publication.name, author=publication.author, contact=contact, place=publication.data_place)


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
        words = confirm_words(Publication.objects.current().name)
        subscriber.confirm(timezone.now(), circumstances(request, "link", words))
        return confirmed(request, subscriber)
    return render(request, "subscribers/confirm.html", {"subscriber": subscriber})


def confirmed(request: HttpRequest, subscriber: Subscriber, *, is_said: bool = False) -> HttpResponse:
    """Welcome a reader; ask how they heard of it, if the author wants to know and they have not said it."""
    context: dict[str, object] = {"subscriber": subscriber, "is_said": is_said}
    if Publication.objects.current().asks_heard and not is_said:
        context |= {"token": subscriber.fresh_token(timezone.now()), "sentence_max": SENTENCE_MAX}
    return render(request, "subscribers/confirmed.html", context)


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
    """Answer within two seconds, whatever the database does: a mail client would show an error and forget the wish."""
    try:
        with remembering.promptly():
            return _leave_at_once(request, token)
    except remembering.AWAY:
        if not remembering.keep(token, timezone.now()):
            return HttpResponse(status=503, headers={"Retry-After": str(MINUTES_10)})
    return HttpResponse("OK", content_type="text/plain")


def _leave_at_once(request: HttpRequest, token: str) -> HttpResponse:
    subscriber = Subscriber.objects.opened_by(token, "unsubscribe")
    if subscriber is not None:
        subscriber.unsubscribe(timezone.now(), Circumstances("one click"))
    elif not Subscriber.objects.has_moved_away(token, "unsubscribe"):
        return lost(request)
    return HttpResponse("OK", content_type="text/plain")


@same_origin
def _unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    subscriber = Subscriber.objects.opened_by(token, "unsubscribe")
    if subscriber is None:
        return lost(request, token, "unsubscribe")
    has_just_left = request.method == "POST" and subscriber.unsubscribe(timezone.now(), Circumstances("page"))
    if subscriber.state == Subscriber.State.UNSUBSCRIBED:
        return left(request, subscriber, undo=subscriber.token("undo") if has_just_left else "")
    return render(request, "subscribers/unsubscribe.html", {"subscriber": subscriber})


@capability
@require_POST
@same_origin
def why(request: HttpRequest, token: str) -> HttpResponse:
    """Keep one sentence of who has left; nobody has to write it."""
    subscriber = Subscriber.objects.opened_by(token, "unsubscribe")
    if subscriber is None or subscriber.state != Subscriber.State.UNSUBSCRIBED:
        return lost(request, token, "unsubscribe")
    if is_over("sentence", str(subscriber.pk), limit=SENTENCES_PER_DAY, seconds=DAY):
        return too_many(request, seconds=DAY)
    is_said = Sentence.objects.say(subscriber, Sentence.Kind.LEFT, request.POST.get("sentence", ""), timezone.now())
    return left(request, subscriber, is_said=is_said, undo=request.POST.get("undo", ""))


@capability
@require_POST
@same_origin
def come_back(request: HttpRequest, token: str) -> HttpResponse:
    """Mail the owner of the mailbox a link that subscribes again; a letter may be in the hands of somebody else."""
    subscriber = Subscriber.objects.opened_by(token, "unsubscribe")
    if subscriber is None or subscriber.state != Subscriber.State.UNSUBSCRIBED:
        return lost(request, token, "unsubscribe")
    if not Publication.objects.current().takes_readers:
        return redirect("subscribers:subscribe")
    if signup.sign_up(subscriber.email, circumstances(request, "link"), timezone.now()):
        wake(tasks.send_confirmations)
    return left(request, subscriber, is_asked=True)


@capability
@ask_and_act
@same_origin
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """Take back a leaving: ask on GET, act on POST."""
    subscriber = Subscriber.objects.opened_by(token, "undo")
    if subscriber is None:
        return lost(request, token, "undo")
    if not subscriber.can_undo(timezone.now()):
        return closed(request, "undo", status=410)
    if request.method == "POST":
        subscriber.undo(timezone.now(), circumstances(request, "undo"))
        return render(request, "subscribers/back.html", {"subscriber": subscriber})
    return render(request, "subscribers/undo.html", {"subscriber": subscriber})


def left(
    request: HttpRequest, subscriber: Subscriber, *, is_said: bool = False, is_asked: bool = False, undo: str = ""
) -> HttpResponse:
    """Say that a reader has left. undo: what brings them back at once, for the browser that has just left."""
    can_undo = subscriber.can_undo(timezone.now()) and subscriber.is_opened_by(undo, "undo")
    context = {"subscriber": subscriber, "undo": undo if can_undo else "", "is_said": is_said, "is_asked": is_asked}
    context |= {"token": subscriber.token("unsubscribe"), "sentence_max": SENTENCE_MAX}
    return render(request, "subscribers/left.html", context)


# --- Links that open nothing ---


def lost(request: HttpRequest, token: str = "", purpose: str = "") -> HttpResponse:
    """Answer a token that opens nothing: kindly if it was sent to a former address.

    Guesses are counted; links that open are not, because a mail provider unsubscribes many readers from one address.
    """
    if purpose and Subscriber.objects.has_moved_away(token, purpose):
        return closed(request, "moved", status=410)
    who = neighbourhood(client_address(request))
    if seconds := closed_seconds("token", who, limit=60, seconds=MINUTES_10, now=timezone.now()):
        return too_many(request, seconds=seconds)
    return closed(request, "unknown", status=404, purpose=purpose)


def closed(request: HttpRequest, why: str, *, status: int, purpose: str = "") -> HttpResponse:
    return render(request, "subscribers/closed.html", {"why": why, "purpose": purpose}, status=status)


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


# What another site may choose, and the values that are taken.
CHOICES = {"scheme": ("light", "dark"), "lead": ("none",)}
FRAME_CSP: dict[str, Any] = settings.SECURE_CSP | {"frame-ancestors": ["*"], "script-src": [CSP.NONE]}
QUIET_ZONE = 4  # modules around the code; ISO/IEC 18004


@kept(parameters=tuple(CHOICES))
@csp_override(FRAME_CSP)
@xframe_options_exempt
@require_safe
def frame(request: HttpRequest) -> HttpResponse:
    """Show the form alone, for a frame of any site; whatever is pressed in it opens in a window of its own."""
    if any(request.GET[name] not in values for name, values in CHOICES.items() if name in request.GET):
        raise Http404
    return render(request, "subscribers/embed.html", {"chosen": {name: request.GET.get(name, "") for name in CHOICES}})


@kept()
@require_safe
def qr_code(request: HttpRequest) -> HttpResponse:
    """Serve the code that leads to the sign-up, black on white whatever the scheme: cameras need the contrast."""
    drawn = io.BytesIO()
    code = segno.make(f"{settings.SITE_URL}{reverse('subscribers:subscribe')}?utm_source=qr", error="m", micro=False)
    code.save(drawn, kind="svg", border=QUIET_ZONE, light="#fff", omitsize=True, svgclass=None, lineclass=None)
    return HttpResponse(drawn.getvalue(), content_type="image/svg+xml")


@kept()
@require_safe
def sheet(request: HttpRequest) -> HttpResponse:
    """Show the code as large as a page, to be printed and put up."""
    return render(request, "subscribers/qr_sheet.html")
