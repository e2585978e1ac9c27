"""Would an issue reach a reader, and if not, what is missing? The only place that decides it; the others show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from newsletter.mail import safe_http
from newsletter.mail.mailers import OUTBOX_BACKEND

LOCAL_DOMAINS = (".localhost", ".local", ".internal", ".home.arpa")  # RFC 6761, 6762, 8375; .internal is ICANN's


class Gap(StrEnum):
    """What an installation lacks before an issue can reach a reader."""

    MAIL_SERVER = "mail_server"
    ADDRESS = "address"


@dataclass(frozen=True)
class MissingPart:
    gap: Gap
    problem: str
    step: str


def missing_parts(mailer: str = "bulk") -> list[MissingPart]:
    """What is missing before an issue can leave by a mailer; [] if nothing is.

    A mail server on loopback, as on a laptop or in a test, asks for no address.
    """
    parts = []
    if ends_in_outbox(mailer):
        step = _("Enter a mail server under Settings, Sender, or set MAIL_URL.")
        parts.append(MissingPart(Gap.MAIL_SERVER, _("All mail ends in the outbox of this site."), step))
    if lacks_address() and not _stays_here(settings.MAILERS[mailer]):
        problem = _("Every link in the letter leads to %s, which no reader can open.") % settings.SITE_URL
        step = _("Set SITE_URL to the site’s public address, such as https://news.example.org, and restart.")
        parts.append(MissingPart(Gap.ADDRESS, problem, step))
    return parts


def headline(parts: list[MissingPart]) -> str:
    """What the missing parts come to, in a sentence; "" if there are none."""
    if any(part.gap == Gap.MAIL_SERVER for part in parts):
        return _("This would reach nobody yet.")
    return _("No issue leaves yet.") if parts else ""


def obstacle(mailer: str = "bulk") -> str:
    """Why no issue can leave, with the next steps, in one paragraph; "" if it would reach readers."""
    parts = missing_parts(mailer)
    sentences = [sentence for part in parts for sentence in (part.problem, part.step)]
    return paragraph(headline(parts), *sentences) if parts else ""


def paragraph(*sentences: str) -> str:
    """Sentences in a row, with a space between them where the language has one."""
    return reduce(lambda before, after: _("%(sentence)s %(todo)s") % {"sentence": before, "todo": after}, sentences)


def ends_in_outbox(mailer: str = "bulk") -> bool:
    return bool(settings.MAILERS[mailer]["BACKEND"] == OUTBOX_BACKEND)


def lacks_address() -> bool:
    """Whether nobody gave the site an address, or one that only this machine can open."""
    return not settings.SITE_URL_IS_GIVEN or _is_loopback(urlsplit(settings.SITE_URL).hostname or "")


def opens_from_afar(url: str) -> bool:
    """Whether a reader elsewhere could open a URL, as far as its host says: not on loopback or a private network."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return safe_http.is_public(host)
    except ValueError:  # a name
        return "." in host and not host.endswith(LOCAL_DOMAINS)


def _stays_here(entry: Mapping[str, Any]) -> bool:
    """Whether a mailer hands mail to a server or API on loopback, or to none, as Django's own for tests."""
    options = entry.get("OPTIONS", {})
    host = options.get("host") or urlsplit(options.get("api_url", "")).hostname
    return _is_loopback(host) if host else bool(entry["BACKEND"].startswith("django."))


def _is_loopback(host: str) -> bool:
    try:
        ip = ip_address(host)
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")
    return ip.is_loopback or ip.is_unspecified
