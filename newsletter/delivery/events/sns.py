"""Parses Amazon SNS requests: verifies the signature, and confirms subscriptions to our own topics.

Amazon SES reports through SNS topics. Anybody may point a topic here, so a subscription is confirmed only for topics
named in the mail URL. Certificate and confirmation are fetched only from SNS's own hosts, never from another that a
request names (CWE-918), outside any transaction, and not while Amazon waits for our response.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import json
import logging
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import HTTPException
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate
from django.core.cache import caches

from newsletter.delivery.events import webhooks
from newsletter.delivery.events.parsed import MessageKind, ParsedMessage, ParseError, TryLater
from newsletter.delivery.events.parsing import provider_requests
from newsletter.delivery.models.events import InboundMessage

log = logging.getLogger(__name__)

SNS_HOST = re.compile(r"sns\.[a-z0-9-]{3,30}\.amazonaws\.com(?:\.cn)?")
TIMEOUT_SECONDS, BYTES_MAX = 5, 64 * 1024
CERTIFICATE_KEPT_SECONDS, FAILURE_KEPT_SECONDS = 24 * 3600, 60
SIGNED_FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
HASH_OF_VERSION = {"1": hashes.SHA1, "2": hashes.SHA256}

type Fetch = Callable[[str], bytes]


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        return None


def _fetch(url: str) -> bytes:
    """Raises OSError or HTTPException."""
    with build_opener(_NoRedirects).open(url, timeout=TIMEOUT_SECONDS) as response:
        return cast("bytes", response.read(BYTES_MAX))


def parse_sns_request(inbound: InboundMessage, fetch: Fetch = _fetch) -> ParsedMessage:
    """Parse a request with a valid signature; confirm a subscription to a topic of ours.

    Raises ParseError, or TryLater if the certificate cannot be fetched, or the subscription cannot be confirmed now.
    """
    message = _parse_message(bytes(inbound.body))
    check_signature(message, inbound.received_at, fetch)
    configured = webhooks.signing_keys(webhooks.AMAZON).get("topics", "")
    topic, topics = message["TopicArn"], set(filter(None, configured.split(",")))
    if message["Type"] == "Notification":
        if topics and topic not in topics:
            raise ParseError(f"{topic} is no topic of ours")
        return provider_requests.parse_stored_request(inbound)
    if message["Type"] == "UnsubscribeConfirmation":
        return ParsedMessage(MessageKind.UNKNOWN, note=f"Amazon says that {topic} no longer reports here")
    if topic not in topics:
        raise ParseError(f"{topic} is not among the topics of the mail URL: it was not subscribed to")
    _confirm_subscription(message, fetch)
    return ParsedMessage(MessageKind.REQUEST, note=f"subscribed to {topic}")


def _parse_message(body: bytes) -> dict[str, str]:
    try:
        message = json.loads(body)
    except ValueError:
        raise ParseError("no JSON") from None
    if (
        not isinstance(message, dict)
        or message.get("Type") not in SIGNED_FIELDS
        or not isinstance(message.get("TopicArn"), str)
    ):
        raise ParseError("no message of Amazon's SNS")
    return message


def check_signature(message: Mapping[str, str], at: datetime, fetch: Fetch = _fetch) -> None:
    """Raise ParseError unless Amazon signed the message, TryLater if the certificate is not available now."""
    url, version = message.get("SigningCertURL"), message.get("SignatureVersion")
    if not _is_sns_url(url) or not urlsplit(str(url)).path.endswith(".pem") or version not in HASH_OF_VERSION:
        raise ParseError("not signed by Amazon")
    key = _public_key(_certificate(str(url), fetch), at)
    signed = "".join(f"{name}\n{message[name]}\n" for name in SIGNED_FIELDS[message["Type"]] if name in message)
    try:
        signature = b64decode(str(message.get("Signature")))
        key.verify(signature, signed.encode(), PKCS1v15(), HASH_OF_VERSION[str(version)]())
    except (InvalidSignature, ValueError):
        raise ParseError("its signature is not Amazon's") from None


def _is_sns_url(url: Any) -> bool:
    """Whether a URL is of SNS itself, by https on the default port: nothing else is ever fetched."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return False
    return parts.scheme == "https" and SNS_HOST.fullmatch(parts.netloc) is not None


def _certificate(url: str, fetch: Fetch) -> bytes:
    """The certificate, cached for a day; after a failure there is no fetch for a minute."""
    cache = caches["spare"]  # of this process: others could write to Redis
    certificate = cache.get(f"sns:{url}")
    if certificate is None:
        try:
            certificate, seconds = fetch(url), CERTIFICATE_KEPT_SECONDS
        except (OSError, HTTPException) as error:
            log.warning("Amazon's certificate cannot be fetched: %s", error)
            certificate, seconds = b"", FAILURE_KEPT_SECONDS
        cache.set(f"sns:{url}", certificate, seconds)
    if not certificate:
        raise TryLater
    return cast("bytes", certificate)


def _public_key(pem: bytes, at: datetime) -> RSAPublicKey:
    try:
        certificate = load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except ValueError:
        raise ParseError("Amazon's certificate cannot be read") from None
    is_valid = certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
    if not is_valid or not isinstance(key, RSAPublicKey):
        raise ParseError("Amazon's certificate was not valid when this came")
    return key


def _confirm_subscription(message: Mapping[str, str], fetch: Fetch) -> None:
    url = message.get("SubscribeURL")
    if not _is_sns_url(url):
        raise ParseError("the subscription is to be confirmed at a host that is not Amazon's")
    try:
        fetch(str(url))
    except (OSError, HTTPException) as error:
        log.warning("The subscription to %s cannot be confirmed yet: %s", message["TopicArn"], error)
        raise TryLater from error
