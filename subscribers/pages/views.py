"""Sign-up, here or in a frame, confirmation, unsubscribe, and return. GET changes nothing."""

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
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.limits.client_ip import client_address, client_network
from newsletter.limits.public_views import (
    is_same_origin,
    private_form,
    private_post,
    private_view,
    retry_time_text,
    same_origin,
    too_many_requests,
)
from newsletter.limits.rate_limits import count_and_check_limit, retry_after_seconds
from newsletter.mail import tokens
from newsletter.mail.views import is_trial_user
from newsletter.page_cache.pages import cached_page
from newsletter.publication.mail_server import mail_url
from newsletter.publication.models import Publication
from newsletter.publication.task_queue import enqueue_on_commit
from subscribers import origins, pending_unsubscribes, privacy, signup, tasks
from subscribers.addresses import ADDRESS_LENGTH_MAX
from subscribers.forms import NAME_MAX, ReaderAddressForm, SignupForm, sign_address
from subscribers.links import DATA_LINK_MINUTES
from subscribers.models import LinkWish, Sentence, Subscriber
from subscribers.models.consents import ConsentDetails
from subscribers.models.notes import SENTENCE_LENGTH_MAX as SENTENCE_MAX
from subscribers.privacy import confirm_words, signup_words
from subscribers.signup import Admission, SignupStep

MINUTES_10, DAY = 600, 86_400  # seconds
SENTENCES_PER_DAY = 10  # per reader, with corrections

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


# --- Signing up ---


@csrf_exempt
@get_or_post
def subscribe(request: HttpRequest) -> HttpResponse:
    """Show the form; the response to a POST does not depend on the address.

    A POST from another site only fills in the address, so that its reader sees our text and presses our button.
    """
    if request.method == "POST" and is_same_origin(request):
        return _receive_signup(request)
    return _signup_page(request, SignupForm(), typed=(request.POST or request.GET).get("email", ""))


@private_view
@require_safe
def invited_signup(request: HttpRequest, token: str) -> HttpResponse:
    """Show the sign-up to an invited person; the same for valid and invalid tokens."""
    if not Publication.objects.current().invites or not tokens.unverified_id(token):
        return redirect("subscribers:subscribe")
    return _signup_page(request, SignupForm(), invite=token)


def _receive_signup(request: HttpRequest) -> HttpResponse:
    if not Publication.objects.current().takes_readers:
        return _signup_page(request, SignupForm(), status=403)
    form = SignupForm(request.POST)
    if not form.is_valid():
        return _signup_page(request, form, status=422)
    if form.suggestion:
        return ask_about_address(request, form, **_carried(request, form, "stamp", "website"))
    found = _admit(request, form, timezone.now())
    if not found.is_open:
        return _challenge_page(request, form, found)
    _sign_up(request, form, found.send_at)
    context = _mailbox_context(request, form.typed) | {"send_at": found.send_at}
    return render(request, "subscribers/check_mailbox.html", context)


def _signup_page(
    request: HttpRequest, form: SignupForm, *, status: int = 200, closed_for: int = 0, typed: str = "", invite: str = ""
) -> HttpResponse:
    """typed: address from the URL. closed_for: seconds until sign-ups are accepted again."""
    context = {
        "form": form,
        "email": form.data.get("email", typed[:ADDRESS_LENGTH_MAX]),
        "name": form.data.get("name", "")[:NAME_MAX],
        "came": _origin(request),
        "invite": getattr(form, "cleaned_data", {}).get("invite", invite),
        "opens_at": retry_time_text(closed_for, timezone.now()) if closed_for else "",
    }
    response = render(request, "subscribers/subscribe.html", context, status=status)
    if closed_for:
        response.headers["Retry-After"] = str(closed_for)
    return response


def ask_about_address(request: HttpRequest, form: ReaderAddressForm, **carried: str) -> HttpResponse:
    """Suggest a correction of an address that looks mistyped; nothing is stored or counted yet."""
    domain = form.suggestion.rpartition("@")[2]
    context = {"email": form.typed, "suggestion": form.suggestion, "domain": domain, "carried": carried}
    return render(request, "subscribers/address_slip.html", context)


def _carried(request: HttpRequest, form: SignupForm, *more: str) -> dict[str, str]:
    return {name: form.cleaned_data[name] for name in ("place", "name", "invite", *more)} | {"came": _origin(request)}


def _admit(request: HttpRequest, form: SignupForm, now: datetime) -> Admission:
    """Decide about a sign-up; one with a proof or a pass is not counted again."""
    network, data = client_network(client_address(request)), form.cleaned_data
    if signup.redeem_proof(data["altcha"], data["email"]) or form.has_pass(now):
        return signup.ADMITTED
    if data["waits"]:
        return signup.admit_with_delayed_mail(network, now)
    return signup.admit(network, now, is_like_person=form.is_from_person(now))


def _challenge_page(request: HttpRequest, form: SignupForm, found: Admission) -> HttpResponse:
    if found.step is SignupStep.CLOSED:
        return _signup_page(request, form, status=429, closed_for=found.seconds)
    email, now = form.cleaned_data["email"], timezone.now()
    context = {"email": form.typed, "is_crowded": found.is_crowded, "carried": _carried(request, form)}
    if found.step is SignupStep.PROOF:
        context["challenge"] = json.dumps(signup.make_challenge(email, now))
        return render(request, "subscribers/proof.html", context)
    return render(request, "subscribers/person.html", context | {"person": sign_address(email, now)})


def _sign_up(request: HttpRequest, form: SignupForm, send_at: datetime | None) -> None:
    publication, place, now = Publication.objects.current(), form.cleaned_data["place"] or "page", timezone.now()
    words, invite = signup_words(publication, place), form.cleaned_data["invite"]
    inviter = Subscriber.objects.for_token(invite, "invite") if invite and publication.invites else None
    source = " ".join(filter(None, [f"web:{place}", origins.INVITED_MARK if inviter else "", _origin(request)]))
    how, who = consent_details(request, source, words), signup.SignupDetails(form.cleaned_data["name"], inviter)
    if signup.sign_up(form.cleaned_data["email"], how, now, send_at=send_at, who=who):
        signup.record_signup_mail(now)
        enqueue_on_commit(tasks.send_confirmations)  # if the queue is down, beat sends it within ten seconds


def _origin(request: HttpRequest) -> str:
    """Origin from the form and from the page that it stood on.

    Browsers send our own pages' URLs (Referrer-Policy same-origin), so cached pages need no field for it.
    """
    own = [str(urlsplit(url).hostname) for url in (f"//{request.get_host()}", settings.SITE_URL)]
    here = origins.origin_of_request(request.headers.get("Referer", ""), request.GET, own)
    return origins.merge_origins(request.POST.get("came", ""), here)


def consent_details(request: HttpRequest, source: str, text: str = "") -> ConsentDetails:
    return ConsentDetails(source, text, client_address(request) or None, privacy.notice_text() if text else "")


def _mailbox_context(request: HttpRequest, email: str) -> dict[str, object]:
    """Context of the result page; without a mail server, it links to the outbox."""
    shows_outbox = not mail_url() and is_trial_user(request)
    sender = Publication.objects.current().sender[1]
    return {"email": email, "sender": sender, "shows_outbox": shows_outbox}


# --- Confirming ---


@private_form
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm on POST; GET asks, because mail scanners follow links."""
    subscriber = Subscriber.objects.for_token(token, "confirm")
    if subscriber is None:
        return _spent_or_invalid(request, token)
    if not subscriber.can_confirm(timezone.now()):
        return _expired_link(request, subscriber)
    if request.method == "POST":
        words = confirm_words(Publication.objects.current().name)
        subscriber.confirm(timezone.now(), consent_details(request, "link", words))
        return confirmed_page(request, subscriber)
    return render(request, "subscribers/confirm.html", {"subscriber": subscriber})


def _expired_link(request: HttpRequest, subscriber: Subscriber) -> HttpResponse:
    """Mail a new link on POST, to the address that the old one was mailed to."""
    if request.method != "POST":
        return closed_page(request, "expired", status=410)
    answer = render(request, "subscribers/check_mailbox.html", _mailbox_context(request, subscriber.masked))
    return _mail_new_link(request, subscriber) or answer


def _mail_new_link(request: HttpRequest, subscriber: Subscriber) -> HttpResponse | None:
    """Queue a confirmation; while sign-ups are closed, return a redirect to the sign-up page instead."""
    if not Publication.objects.current().takes_readers:
        return redirect("subscribers:subscribe")
    if signup.sign_up(subscriber.email, consent_details(request, "link"), timezone.now()):
        enqueue_on_commit(tasks.send_confirmations)
    return None


def confirmed_page(
    request: HttpRequest, subscriber: Subscriber, *, has_sentence: bool = False, is_back: bool = False
) -> HttpResponse:
    """Welcome a reader, and ask a new one how they heard of us, if the author wants to know."""
    is_back = is_back or subscriber.has_come_back
    context: dict[str, object] = {"subscriber": subscriber, "has_sentence": has_sentence, "is_back": is_back}
    if Publication.objects.current().asks_heard and not (has_sentence or is_back):
        context |= {"token": subscriber.fresh_token(timezone.now()), "sentence_max": SENTENCE_MAX}
    return render(request, "subscribers/confirmed.html", context)


def _spent_or_invalid(request: HttpRequest, token: str) -> HttpResponse:
    """A confirmed reader's second POST shows success, and a GET that they are subscribed (410); others are refused."""
    subscriber = Subscriber.objects.filter(pk=tokens.unverified_id(token) or 0).first()
    if subscriber is None or not subscriber.has_spent(token):
        return invalid_link(request)
    if subscriber.is_reader and request.method == "POST":
        context = {"subscriber": subscriber, "is_back": subscriber.has_come_back}
        return render(request, "subscribers/confirmed.html", context)
    return closed_page(request, "confirmed" if subscriber.is_reader else "spent", status=410)


# --- Unsubscribing and returning ---


@csrf_exempt
@private_view
@get_or_post
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Unsubscribe on POST; one-click requests (RFC 8058) from any origin."""
    is_one_click = request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click"
    return _leave_by_one_click(request, token) if is_one_click else _unsubscribe_page(request, token)


def _leave_by_one_click(request: HttpRequest, token: str) -> HttpResponse:
    """Answer within two seconds, even without a database: mail clients do not retry."""
    try:
        with pending_unsubscribes.short_lock_timeout():
            return _leave_at_once(request, token)
    except pending_unsubscribes.DATABASE_ERRORS:
        if not pending_unsubscribes.store_unsubscribe(token, timezone.now()):
            return HttpResponse(status=503, headers={"Retry-After": str(MINUTES_10)})
    return HttpResponse("OK", content_type="text/plain")


def _leave_at_once(request: HttpRequest, token: str) -> HttpResponse:
    subscriber = Subscriber.objects.for_token(token, "unsubscribe")
    if subscriber is None:
        return invalid_link(request, token, "unsubscribe")
    subscriber.unsubscribe(timezone.now(), ConsentDetails(source="one click"))
    return HttpResponse("OK", content_type="text/plain")


PAGE = "page"  # source of a consent


@same_origin
def _unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    subscriber = Subscriber.objects.for_token(token, "unsubscribe")
    if subscriber is None:
        return invalid_link(request, token, "unsubscribe")
    try:
        has_just_left = request.method == "POST" and subscriber.unsubscribe(timezone.now(), ConsentDetails(source=PAGE))
    except pending_unsubscribes.DATABASE_ERRORS:
        if not pending_unsubscribes.store_unsubscribe(token, timezone.now(), by=PAGE):
            raise
        return closed_page(request, "leaving", status=202)
    if subscriber.state == Subscriber.State.UNSUBSCRIBED:
        return left_page(request, subscriber, undo=subscriber.token("undo") if has_just_left else "")
    return render(request, "subscribers/unsubscribe.html", {"subscriber": subscriber})


@private_post
def leaving_reason(request: HttpRequest, token: str) -> HttpResponse:
    subscriber = Subscriber.objects.for_token(token, "unsubscribe")
    if subscriber is None or subscriber.state != Subscriber.State.UNSUBSCRIBED:
        return invalid_link(request, token, "unsubscribe")
    if count_and_check_limit("sentence", str(subscriber.pk), limit=SENTENCES_PER_DAY, seconds=DAY):
        return too_many_requests(request, seconds=DAY)
    is_stored = Sentence.objects.store(subscriber, Sentence.Kind.LEFT, request.POST.get("sentence", ""), timezone.now())
    return left_page(request, subscriber, has_sentence=is_stored, undo=request.POST.get("undo", ""))


@private_post
def come_back(request: HttpRequest, token: str) -> HttpResponse:
    """Mail a confirmation link, because the letter may have been forwarded."""
    subscriber = Subscriber.objects.for_token(token, "unsubscribe")
    if subscriber is None or subscriber.state != Subscriber.State.UNSUBSCRIBED:
        return invalid_link(request, token, "unsubscribe")
    return _mail_new_link(request, subscriber) or left_page(request, subscriber, is_asked=True)


@private_form
def undo(request: HttpRequest, token: str) -> HttpResponse:
    subscriber = Subscriber.objects.for_token(token, "undo")
    if subscriber is None:
        return invalid_link(request, token, "undo")
    if not subscriber.can_undo(timezone.now()):
        return closed_page(request, "undo", status=410)
    if request.method == "POST":
        subscriber.undo(timezone.now(), consent_details(request, "undo"))
        return confirmed_page(request, subscriber, is_back=True)
    return render(request, "subscribers/undo.html", {"subscriber": subscriber})


def left_page(
    request: HttpRequest, subscriber: Subscriber, *, has_sentence: bool = False, is_asked: bool = False, undo: str = ""
) -> HttpResponse:
    """undo: token that resubscribes at once, for the browser that has just unsubscribed."""
    can_undo = subscriber.can_undo(timezone.now()) and subscriber.accepts_token(undo, "undo")
    context = {"subscriber": subscriber, "undo": undo if can_undo else "", "is_asked": is_asked}
    context |= {"token": subscriber.token("unsubscribe"), "has_sentence": has_sentence, "sentence_max": SENTENCE_MAX}
    return render(request, "subscribers/left.html", context)


# --- Invalid links ---


def invalid_link(request: HttpRequest, token: str = "", purpose: str = "") -> HttpResponse:
    """Refuse an invalid token, with an explanation if it was sent to a former address.

    Counts guesses per network. Valid links are not counted, because a mail provider unsubscribes many readers from one
    address.
    """
    if purpose and Subscriber.objects.has_moved_away(token, purpose):
        return closed_page(request, "moved", status=410)
    who = client_network(client_address(request))
    if seconds := retry_after_seconds("token", who, limit=60, seconds=MINUTES_10, now=timezone.now()):
        return too_many_requests(request, seconds=seconds)
    return closed_page(request, "unknown", status=404, purpose=purpose)


def closed_page(request: HttpRequest, why: str, *, status: int, purpose: str = "") -> HttpResponse:
    return render(request, "subscribers/closed.html", {"why": why, "purpose": purpose}, status=status)


LINK_REQUESTS_MAX = 10  # link requests in ten minutes


@get_or_post
@same_origin
def request_link(request: HttpRequest) -> HttpResponse:
    """Request a fresh link by address; response and response time do not depend on the address."""
    form = ReaderAddressForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "minutes": DATA_LINK_MINUTES, "email": ""}
    if request.method == "POST" and form.is_valid():
        if form.suggestion:
            return ask_about_address(request, form)
        now, who = timezone.now(), client_network(client_address(request))
        if seconds := retry_after_seconds("door", who, limit=LINK_REQUESTS_MAX, seconds=MINUTES_10, now=now):
            return too_many_requests(request, seconds=seconds)
        context["email"] = form.typed
        LinkWish.objects.keep(form.cleaned_data["email"], now)
        enqueue_on_commit(tasks.send_confirmations)  # if the queue is down, beat sends it within ten seconds
    response = render(request, "subscribers/door.html", context, status=422 if form.errors else 200)
    response.headers["Cache-Control"] = "no-store"
    return response


# Query parameters of an embedded form.
CHOICES = {"scheme": ("light", "dark"), "lead": ("none",)}
FRAME_CSP: dict[str, Any] = settings.SECURE_CSP | {"frame-ancestors": ["*"], "script-src": [CSP.NONE]}
QUIET_ZONE = 4  # modules around the code; ISO/IEC 18004


@cached_page(parameters=tuple(CHOICES))
@csp_override(FRAME_CSP)
@xframe_options_exempt
@require_safe
def embedded_form(request: HttpRequest) -> HttpResponse:
    """Show the form alone, for an iframe on any site; buttons open a new window."""
    if any(request.GET[name] not in values for name, values in CHOICES.items() if name in request.GET):
        raise Http404
    return render(request, "subscribers/embed.html", {"chosen": {name: request.GET.get(name, "") for name in CHOICES}})


@cached_page()
@require_safe
def qr_code(request: HttpRequest) -> HttpResponse:
    """Link to the sign-up, black on white in each colour scheme, for cameras."""
    drawn = io.BytesIO()
    code = segno.make(f"{settings.SITE_URL}{reverse('subscribers:subscribe')}?utm_source=qr", error="m", micro=False)
    code.save(drawn, kind="svg", border=QUIET_ZONE, light="#fff", omitsize=True, svgclass=None, lineclass=None)
    return HttpResponse(drawn.getvalue(), content_type="image/svg+xml")


@cached_page()
@require_safe
def qr_sheet(request: HttpRequest) -> HttpResponse:
    return render(request, "subscribers/qr_sheet.html")
