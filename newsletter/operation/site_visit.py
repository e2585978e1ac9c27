"""Visits SITE_URL from outside: by its name, through TLS and proxies, back to an echo of our own.

What stands in between cannot be seen from inside: an expired certificate, another site, a wrong TRUSTED_PROXIES.
"""

import http.client
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.limits.client_ip import client_address
from newsletter.mail import reach, tokens
from newsletter.operation.findings import ERROR, WARNING, Finding

PURPOSE, PROOF = "visit", "visit.proof"
VALID_SECONDS = 300  # of a token
TIMEOUT_SECONDS = 5
ANSWER_MAX = 10_000  # bytes
CERTIFICATE_DAYS_MIN = 14
FORGED = "192.0.2.1"  # RFC 5737: nobody's address; each proxy adds the real one behind it


# --- The echo ---


def new_token(now: datetime) -> str:
    return tokens.sign(PURPOSE, int(now.timestamp()))


def is_valid(token: str, now: datetime) -> bool:
    at = tokens.unverified_id(token)
    return at is not None and abs(now.timestamp() - at) < VALID_SECONDS and tokens.is_valid(token, PURPOSE)


def echo(request: HttpRequest, token: str) -> dict[str, Any]:
    """What a request looks like here. proof: that this installation answers, and no other site."""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    seen = {"address": client_address(request), "scheme": request.scheme, "hops": hops}
    return {"proof": tokens.keyed_digest(PROOF, token)} | seen


# --- The visit ---


def visit_findings(now: datetime) -> Iterator[Finding]:
    if not settings.VISITS_SITE or reach.lacks_address():
        return
    site, token = urlsplit(settings.SITE_URL), new_token(now)
    try:
        status, body, expires_at = _get(site, f"/healthz/{token}")
    except ssl.SSLCertVerificationError as error:
        yield _finding("certificate", ERROR, _("The certificate is not valid: %s.") % error.verify_message)
        return
    except (OSError, http.client.HTTPException) as error:
        yield _unreachable(error)
        return
    yield from _certificate_findings(expires_at, now)
    seen = _own_answer(body, token)
    yield from _seen_findings(site, seen) if seen else [_other_site(status)]
    if site.scheme == "https":
        yield from _redirect_findings(site)


def _get(site: SplitResult, path: str, *, port: int | None = None) -> tuple[int, bytes, datetime | None]:
    """Status, beginning of the body, and when the certificate ends. Follows no redirect."""
    is_plain = site.scheme == "http" or port == http.client.HTTP_PORT
    kind = http.client.HTTPConnection if is_plain else http.client.HTTPSConnection
    connection = kind(site.hostname or "", port or site.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers={"X-Forwarded-For": FORGED, "User-Agent": "newsletter doctor"})
        socket, response = connection.sock, connection.getresponse()
        expires_at = _end_of_certificate(socket) if isinstance(socket, ssl.SSLSocket) else None
        return response.status, response.read(ANSWER_MAX), expires_at
    finally:
        connection.close()


def _end_of_certificate(socket: ssl.SSLSocket) -> datetime | None:
    certificate = socket.getpeercert() or {}
    end = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC) if isinstance(end, str) else None


def _own_answer(body: bytes, token: str) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    is_ours = isinstance(answer, dict) and answer.get("proof") in tokens.digests(PROOF, token)
    return answer if is_ours else None


def _finding(name: str, level: str, message: str, hint: str = "") -> Finding:
    return Finding(level, f"site.{name}", f"{settings.SITE_URL}: {message}", hint)


def _unreachable(error: Exception) -> Finding:
    hint = _("Look at DNS, proxy and firewall. Some routers do not let a machine visit its own public address.")
    return _finding("unreachable", WARNING, _("It cannot be visited from here (%s).") % (error or type(error)), hint)


def _certificate_findings(expires_at: datetime | None, now: datetime) -> Iterator[Finding]:
    days = (expires_at - now).days if expires_at else CERTIFICATE_DAYS_MIN
    if days < CERTIFICATE_DAYS_MIN:
        message = ngettext("The certificate ends in %d day.", "The certificate ends in %d days.", days)
        yield _finding("certificate", WARNING, message % days, _("Look why the proxy does not renew it."))


def _other_site(status: int) -> Finding:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        hint = _("The proxy does not reach the web server, or that one fails: look at the logs of both.")
        return _finding("failing", ERROR, _("It answers with %d.") % status, hint)
    hint = _("Does SITE_URL lead to this installation, and has its web server been restarted since the upgrade?")
    return _finding("other", ERROR, _("Another site answers (%d).") % status, hint)


def _seen_findings(site: SplitResult, seen: dict[str, Any]) -> Iterator[Finding]:
    """Compare what the proxies made of the request with TRUSTED_PROXIES."""
    hops = [str(hop) for hop in seen.get("hops", [])]
    proxies = len(hops) - 1 - hops.index(FORGED) if FORGED in hops else len(hops)
    if seen.get("scheme") != site.scheme:
        message = _("The web server takes requests for %s: pages would redirect to themselves.") % seen.get("scheme")
        hint = _("Set TRUSTED_PROXIES=%d; the proxy must send X-Forwarded-Proto: docs/deploy.md.") % max(proxies, 1)
        yield _finding("scheme", ERROR, message, hint)
    elif proxies != settings.TRUSTED_PROXIES:
        message = _("TRUSTED_PROXIES is %(set)d, but a request passes %(seen)d: limits count wrong addresses.")
        facts = {"set": settings.TRUSTED_PROXIES, "seen": proxies}
        hint = _("Set TRUSTED_PROXIES=%d.") % proxies
        if site.scheme == "https" and not proxies:  # without a trusted one, pages would redirect to themselves
            hint = _("Let the proxy send X-Forwarded-For: docs/deploy.md.")
        yield _finding("proxies", ERROR, message % facts, hint)


def _redirect_findings(site: SplitResult) -> Iterator[Finding]:
    try:
        status, _body, _end = _get(site, "/", port=http.client.HTTP_PORT)
    except (OSError, http.client.HTTPException):
        return  # nothing answers there, which is safe
    if not HTTPStatus.MOVED_PERMANENTLY <= status <= HTTPStatus.PERMANENT_REDIRECT:
        message = _("Without https it answers with %d instead of leading to https.") % status
        yield _finding("redirect", WARNING, message, _("Let the proxy redirect port 80 to https."))
