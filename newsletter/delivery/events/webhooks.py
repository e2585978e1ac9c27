"""Provider webhooks: checked and parsed by Anymail's views, without its URLs.

A request is authenticated on arrival, stored, and parsed later. So no Anymail view ever handles a request: its checks
run on the live request, its parser on one that is rebuilt from the stored bytes.
"""

import json
import logging
from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import cache
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

from newsletter.delivery.models import InboundMessage
from newsletter.limits import client_ip, rate_limits
from newsletter.limits.body_size import has_basic_auth

# By the name in the URL, which is Anymail's. Imported at the first request: Anymail imports an HTTP client.
VIEW_PATH_BY_PROVIDER = {
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
KEPT_HEADERS = {"svix-id": "HTTP_SVIX_ID"}  # what Anymail's parsers need besides the body
SVIX_TOLERANCE_SECONDS = 5 * 60


def signing_keys(provider: str) -> dict[str, str]:
    """Keys from the mail URLs (newsletter/mail/mailers.py, WEBHOOK_OPTIONS), as keyword arguments of Anymail's view."""
    mailers = list(settings.MAILERS.values())
    if provider == UNISENDER:  # signs by its API key
        ours = [one for one in mailers if one["BACKEND"] == f"anymail.backends.{UNISENDER}.EmailBackend"]
        return {"api_key": ours[0]["OPTIONS"]["api_key"]} if ours else {}
    return next(filter(None, (one.get("WEBHOOKS", {}).get(provider, {}) for one in mailers)), {})


def is_genuine(provider: str, request: HttpRequest) -> bool:
    """Whether the provider's signature is valid; True if no key is configured.

    Amazon's signature is checked later (sns.py), as its certificate has to be fetched.
    """
    keys = signing_keys(provider)
    if provider == AMAZON or not keys:
        return True
    if provider == RESEND:
        return _is_signed_by_svix(request, keys["signing_secret"])
    try:
        _validating_view(provider, tuple(sorted(keys.items()))).run_validators(request)
    except (SuspiciousOperation, ValueError, LookupError, TypeError, AttributeError):  # by Anymail, on malformed bodies
        return False
    return True


@cache
def _validating_view(provider: str, keys: tuple[tuple[str, str], ...]) -> Any:
    return import_string(VIEW_PATH_BY_PROVIDER[provider])(webhook_secret=settings.WEBHOOK_SECRET, **dict(keys))


def _is_signed_by_svix(request: HttpRequest, secret: str) -> bool:
    """Whether Resend's signature is valid: an HMAC of id, time and body.

    Anymail would need one more package. Source: https://docs.svix.com/receiving/verifying-payloads/how-manual
    """
    name, at, signatures = (request.headers.get(f"svix-{one}", "") for one in ("id", "timestamp", "signature"))
    if not at.isdecimal() or abs(time() - int(at)) > SVIX_TOLERANCE_SECONDS:
        return False
    key = _from_base64(secret.removeprefix("whsec_"))
    if not key:  # mistyped in the mail URL: anybody could sign with an empty key
        return False
    expected = digest(key, f"{name}.{at}.".encode() + request.body, "sha256")
    given = [one.partition(",")[2] for one in signatures.split() if one.startswith("v1,")]
    return any(compare_digest(_from_base64(one), expected) for one in given)


def _from_base64(written: str) -> bytes:
    try:
        return b64decode(written)
    except ValueError:
        return b""


def kept_headers(request: HttpRequest) -> dict[str, str]:
    kept = {name: request.META[key][:200] for name, key in KEPT_HEADERS.items() if key in request.META}
    return kept | {"content-type": request.META.get("CONTENT_TYPE", "")[:200]}


def parse_events(provider: str, body: bytes, kept: Mapping[str, Any]) -> list[Any]:
    """Anymail's events of a stored request. kept: as returned by kept_headers.

    Raises whatever Anymail raises for an unexpected body.
    """
    view = import_string(VIEW_PATH_BY_PROVIDER[provider])
    # Without __init__, which would require keys: the request was authenticated on arrival.
    events: list[Any] = view.__new__(view).parse_events(_rebuilt_request(body, kept))
    return events


def split_events(body: bytes) -> Iterator[bytes]:
    """Yield each entry of a list of events as a list of its own; nothing if the body is no list."""
    try:
        entries = json.loads(body)
    except ValueError:
        return
    if isinstance(entries, list) and len(entries) > 1:
        yield from (json.dumps([entry]).encode() for entry in entries)


def _rebuilt_request(body: bytes, kept: Mapping[str, Any]) -> WSGIRequest:
    headers = {name: kept[header] for header, name in KEPT_HEADERS.items() if header in kept}
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_LENGTH": str(len(body))}
    environ["CONTENT_TYPE"] = kept.get("content-type") or "application/json"
    return WSGIRequest(environ | headers | {"wsgi.input": BytesIO(body)})


log = logging.getLogger(__name__)

# Per network, without the secret or a valid signature. Genuine requests are never counted.
REFUSED_MAX, REFUSED_SECONDS = 60, 600


@csrf_exempt
def tracking(request: HttpRequest, provider: str) -> HttpResponse:
    """Store a provider's request; 404 while WEBHOOK_SECRET is not set."""
    if not settings.WEBHOOK_SECRET or provider not in VIEW_PATH_BY_PROVIDER:
        raise Http404
    if request.method in {"GET", "HEAD"}:  # Mandrill and Unisender Go check the URL first
        return HttpResponse()
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if not has_basic_auth(request.META, settings.WEBHOOK_SECRET):
        return _reject(request, provider, 401, "the secret")
    if not is_genuine(provider, request):
        return _reject(request, provider, 400, "the signature")
    try:
        InboundMessage.objects.store(provider, request.body, timezone.now(), about=kept_headers(request))
    except Error as error:
        log.warning("A request of %s is not stored, it will come again: %s", provider, error)
        return HttpResponse("Please send this again later.\n", status=503, content_type="text/plain")
    return HttpResponse()


def _reject(request: HttpRequest, provider: str, status: int, missing: str) -> HttpResponse:
    """Reject an unauthenticated request. 401 includes the challenge that Amazon needs before it sends a password."""
    network = client_ip.client_network(client_ip.client_address(request))
    if rate_limits.count_and_check_limit("webhooks", network, limit=REFUSED_MAX, seconds=REFUSED_SECONDS):
        status = 429
    else:
        log.warning("A request to the webhook of %s did not have %s.", provider, missing)
    response = HttpResponse(status=status)
    if status == 401:
        response["WWW-Authenticate"] = 'Basic realm="WEBHOOK_SECRET"'
    return response
