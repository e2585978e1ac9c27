"""The door for what providers report: it looks whether a request is genuine, stores it as it came, and answers.

What follows is applying.py's, later. An answer other than 2xx makes a provider send the request again, for hours or
days: so a request that is refused by mistake, or that meets a database that is away, is not lost.
"""

import logging

from django.conf import settings
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from newsletter.delivery.events import providers
from newsletter.delivery.models import Arrival
from newsletter.publication import limits
from newsletter.publication.bodies import carries_secret

log = logging.getLogger(__name__)

# Of one network, that did not carry the secret or were not signed. Genuine ones are never counted, let alone refused.
REFUSED_MAX, REFUSED_SECONDS = 60, 600


@csrf_exempt
def tracking(request: HttpRequest, provider: str) -> HttpResponse:
    """Store what a provider reports of copies; answer 404 while WEBHOOK_SECRET is not set."""
    if not settings.WEBHOOK_SECRET or provider not in providers.VIEWS:
        raise Http404
    if request.method in {"GET", "HEAD"}:  # Mandrill and Unisender Go look whether somebody is here
        return HttpResponse()
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if not carries_secret(request.META, settings.WEBHOOK_SECRET):
        return _refused(request, provider, 401, "the secret")
    if not providers.is_genuine(provider, request):
        return _refused(request, provider, 400, "the signature")
    return _stored(request, provider)


def _stored(request: HttpRequest, provider: str) -> HttpResponse:
    try:
        Arrival.objects.store(provider, request.body, timezone.now(), about=providers.kept_headers(request))
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
