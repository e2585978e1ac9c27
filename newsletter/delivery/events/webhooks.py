"""Whose webhooks are taken, and how their requests are checked and taken apart: by Anymail's views, without its URLs.

A request is checked at the door, and read much later from what was stored. So no view of Anymail's ever handles one:
here its checks are asked of a live request, and its parser of one that is made of stored octets.
"""

import json
import logging
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from hmac import compare_digest, digest
from io import BytesIO
from time import time
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt

from newsletter.delivery.models import Arrival
from newsletter.publication import limits
from newsletter.publication.bodies import carries_secret

# By the name in the address, which is Anymail's. Loaded when the first request comes: Anymail brings an HTTP client.
VIEWS = {
    "amazon_ses": "anymail.webhooks.amazon_ses.AmazonSESTrackingWebhookView",
    "brevo": "anymail.webhooks.brevo.BrevoTrackingWebhookView",
    "mailersend": "anymail.webhooks.mailersend.MailerSendTrackingWebhookView",
    "mailgun": "anymail.webhooks.mailgun.MailgunTrackingWebhookView",
    "mailjet": "anymail.webhooks.mailjet.MailjetTrackingWebhookView",
    "mailtrap": "anymail.webhooks.mailtrap.MailtrapTrackingWebhookView",
    "mandrill": "anymail.webhooks.mandrill.MandrillCombinedWebhookView",
    "postal": "anymail.webhooks.postal.PostalTrackingWebhookView",
    "postmark": "anymail.webhooks.postmark.PostmarkTrackingWebhookView",
    "resend": "anymail.webhooks.resend.ResendTrackingWebhookView",
    "sendgrid": "anymail.webhooks.sendgrid.SendGridTrackingWebhookView",
    "sparkpost": "anymail.webhooks.sparkpost.SparkPostTrackingWebhookView",
    "unisender_go": "anymail.webhooks.unisender_go.UnisenderGoTrackingWebhookView",
}
AMAZON, RESEND, UNISENDER = "amazon_ses", "resend", "unisender_go"
KEPT_HEADERS = {"svix-id": "HTTP_SVIX_ID"}  # what Anymail's parsers ask for beside the body
SVIX_TOLERANCE_SECONDS = 5 * 60


def keys_of(provider: str) -> dict[str, str]:
    """Return by what a provider signs, from the URLs of the mailers: newsletter/mail/mailers.py, WEBHOOK_OPTIONS."""
    found = (entry.get("WEBHOOKS", {}).get(provider, {}) for entry in settings.MAILERS.values())
    return next(filter(None, found), {}) or _api_key(provider)


def _api_key(provider: str) -> dict[str, str]:
    """Return the key of the API itself, by which Unisender Go signs."""
    backend = f"anymail.backends.{UNISENDER}.EmailBackend"
    ours = [one["OPTIONS"] for one in settings.MAILERS.values() if one["BACKEND"] == backend]
    return {"api_key": ours[0]["api_key"]} if ours and provider == UNISENDER else {}


# --- At the door ---


def is_genuine(provider: str, request: HttpRequest) -> bool:
    """Return whether a request carries the provider's signature; True where there is no key to check one by.

    Amazon's signature is checked later (sns.py): its certificate has to be fetched.
    """
    keys = keys_of(provider)
    if provider == AMAZON or not keys:
        return True
    if provider == RESEND:
        return _is_signed_by_svix(request, keys["signing_secret"])
    try:
        _checker(provider, tuple(sorted(keys.items()))).run_validators(request)
    except (SuspiciousOperation, ValueError, LookupError, TypeError, AttributeError):  # Anymail's, and odd bodies
        return False
    return True


@cache
def _checker(provider: str, keys: tuple[tuple[str, str], ...]) -> Any:
    return import_string(VIEWS[provider])(webhook_secret=settings.WEBHOOK_SECRET, **dict(keys))


def _is_signed_by_svix(request: HttpRequest, secret: str) -> bool:
    """Return whether Resend signed a request: an HMAC of id, time and body.

    Anymail needs another package for it. Source: https://docs.svix.com/receiving/verifying-payloads/how-manual
    """
    name, at, signatures = (request.headers.get(f"svix-{one}", "") for one in ("id", "timestamp", "signature"))
    if not at.isdecimal() or abs(time() - int(at)) > SVIX_TOLERANCE_SECONDS:
        return False
    key = _decoded(secret.removeprefix("whsec_"))
    if not key:  # mistyped in its URL: anybody could sign by nothing
        return False
    expected = digest(key, f"{name}.{at}.".encode() + request.body, "sha256")
    given = [one.partition(",")[2] for one in signatures.split() if one.startswith("v1,")]
    return any(compare_digest(_decoded(one), expected) for one in given)


def _decoded(written: str) -> bytes:
    try:
        return b64decode(written)
    except ValueError:
        return b""


def kept_headers(request: HttpRequest) -> dict[str, str]:
    """Return what has to be stored beside the body of a request, to read it later."""
    kept = {name: request.META[key][:200] for name, key in KEPT_HEADERS.items() if key in request.META}
    return kept | {"content-type": request.META.get("CONTENT_TYPE", "")[:200]}


# --- Later ---


def events_in(provider: str, body: bytes, kept: Mapping[str, Any]) -> list[Any]:
    """Return Anymail's events of a request that was stored; `kept` is what kept_headers gave.

    Raises whatever Anymail does with a body that it does not expect.
    """
    view = import_string(VIEWS[provider])
    # Its parsers need nothing that __init__ makes, which would ask for keys: the request was checked at the door.
    events: list[Any] = view.__new__(view).parse_events(_request(body, kept))
    return events


def pieces_of(body: bytes) -> Iterator[bytes]:
    """Yield the entries of a list of events each as a list of its own; nothing where the body is no list."""
    try:
        entries = json.loads(body)
    except ValueError:
        return
    if isinstance(entries, list) and len(entries) > 1:
        yield from (json.dumps([entry]).encode() for entry in entries)


def _request(body: bytes, kept: Mapping[str, Any]) -> WSGIRequest:
    headers = {name: kept[header] for header, name in KEPT_HEADERS.items() if header in kept}
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_LENGTH": str(len(body))}
    environ["CONTENT_TYPE"] = kept.get("content-type") or "application/json"
    return WSGIRequest(environ | headers | {"wsgi.input": BytesIO(body)})


def hash_of(parts: Sequence[str]) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:40]


log = logging.getLogger(__name__)

# Of one network, that did not carry the secret or were not signed. Genuine ones are never counted, let alone refused.
REFUSED_MAX, REFUSED_SECONDS = 60, 600


@csrf_exempt
def tracking(request: HttpRequest, provider: str) -> HttpResponse:
    """Store what a provider reports of copies; answer 404 while WEBHOOK_SECRET is not set."""
    if not settings.WEBHOOK_SECRET or provider not in VIEWS:
        raise Http404
    if request.method in {"GET", "HEAD"}:  # Mandrill and Unisender Go look whether somebody is here
        return HttpResponse()
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if not carries_secret(request.META, settings.WEBHOOK_SECRET):
        return _refused(request, provider, 401, "the secret")
    if not is_genuine(provider, request):
        return _refused(request, provider, 400, "the signature")
    return _stored(request, provider)


def _stored(request: HttpRequest, provider: str) -> HttpResponse:
    try:
        Arrival.objects.store(provider, request.body, timezone.now(), about=kept_headers(request))
    except Error as error:
        log.warning("A request of %s is not stored, it will come again: %s", provider, error)
        return HttpResponse("Please send this again later.\n", status=503, content_type="text/plain")
    return HttpResponse()


def _refused(request: HttpRequest, provider: str, status: int, what: str) -> HttpResponse:
    """Answer who does not prove who it is, with the challenge that Amazon waits for before it sends a password."""
    who = limits.neighbourhood(limits.client_address(request))
    if limits.is_over("webhooks", who, limit=REFUSED_MAX, seconds=REFUSED_SECONDS):
        status = 429
    else:
        log.warning("A request to the webhook of %s did not have %s.", provider, what)
    response = HttpResponse(status=status)
    if status == 401:
        response["WWW-Authenticate"] = 'Basic realm="WEBHOOK_SECRET"'
    return response
