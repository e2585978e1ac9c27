"""The mail URL that was entered on the desk, encrypted with the secret key. One set in the environment wins."""

import base64
from ipaddress import ip_address

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.cache import caches
from django.db import DatabaseError, models
from django.utils.crypto import salted_hmac

from newsletter.mail import safe_http

CACHE_KEY, CACHE_SECONDS = "mail-server", 2  # so late a process sees a change
PORTS = frozenset({25, 465, 587, 2465, 2525, 2587})  # of SMTP
UNREADABLE_URL = "smtp://unreadable.invalid"  # no host has this name: mail waits, and does not end in the outbox


class MailServerManager(models.Manager["MailServer"]):
    def keep(self, url: str) -> "MailServer":
        row, _is_new = self.update_or_create(pk=1, defaults={"sealed": _cipher().encrypt(url.encode()).decode()})
        caches["pages"].delete(CACHE_KEY)
        return row


class MailServer(models.Model):
    """The mail server that an owner has entered."""

    sealed = models.TextField(help_text="a mail URL, encrypted by Fernet with the secret key")
    updated_at = models.DateTimeField(auto_now=True)

    objects = MailServerManager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_mail_server_per_installation")]

    def __str__(self) -> str:
        return "mail server"


def saved_url() -> str:
    """The URL of the desk, at most CACHE_SECONDS old; "" without one, UNREADABLE_URL if it cannot be read.

    That there is none is never cached: the first one would come too late for who presses "send" a second afterwards.
    """
    try:
        sealed = caches["pages"].get(CACHE_KEY) or _stored()
        return _cipher().decrypt(sealed).decode() if sealed else ""
    except (InvalidToken, DatabaseError):  # another secret key; no connection, or no table yet
        return UNREADABLE_URL


def _stored() -> str:
    sealed: str = MailServer.objects.filter(pk=1).values_list("sealed", flat=True).first() or ""
    if sealed:
        caches["pages"].set(CACHE_KEY, sealed, CACHE_SECONDS)
    return sealed


def mail_url() -> str:
    return settings.MAIL_URL or saved_url()


def bulk_mail_url() -> str:
    return settings.BULK_MAIL_URL or saved_url()


def may_connect(address: str, port: int) -> bool:
    """Whether the address is public and the port is in PORTS; with PRIVATE_MAIL_SERVERS also any other address."""
    if settings.PRIVATE_MAIL_SERVERS and not ip_address(address.partition("%")[0]).is_multicast:
        return True
    return port in PORTS and safe_http.is_public(address)


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> bytes:
    mac = salted_hmac("newsletter.publication.mail_server", "", secret=secret, algorithm="sha256")
    return base64.urlsafe_b64encode(mac.digest())
