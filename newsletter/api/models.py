"""API tokens, and stored responses of idempotent requests."""

from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

NAME_MAX = 60
PREFIX_LENGTH = 11  # characters of a token that are shown: "nl_" and 32 of its 192 bits
USE_PRECISION = timedelta(minutes=1)  # precision of used_at
KEY_LENGTH_MAX = 200  # characters of an Idempotency-Key
RESPONSE_LIFETIME = timedelta(hours=24)


def secret_digest(secret: str) -> str:
    """192 random bits need no slow hash."""
    return sha256(secret.encode()).hexdigest()


class TokenQuerySet(models.QuerySet["Token"]):
    def opened_by(self, secret: str, now: datetime) -> "Token | None":
        """The valid token with this secret, with its user."""
        found = self.select_related("user").filter(digest=secret_digest(secret)).first()
        return found if found and found.is_alive(now) else None

    def note_use(self, token: "Token", now: datetime) -> None:
        """Update `used_at`, at most once a minute."""
        if token.used_at is None or token.used_at <= now - USE_PRECISION:
            not_noted = Q(used_at__isnull=True) | Q(used_at__lte=now - USE_PRECISION)
            self.filter(not_noted, pk=token.pk).update(used_at=now)


class Token(models.Model):
    """A program's access for a user, limited to its scopes and the user's permissions."""

    name = models.CharField(_("name"), max_length=NAME_MAX, help_text=_("What it is for: Obsidian, or a form."))
    user = models.ForeignKey("auth.User", models.CASCADE, verbose_name=_("account"), related_name="api_tokens")
    prefix = models.CharField(max_length=PREFIX_LENGTH, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(pgettext_lazy("of a token", "may"), default=list)
    networks = models.TextField(
        _("only from these networks"), blank=True, help_text=_("One a line, as 192.0.2.0/24. Empty: from everywhere.")
    )
    ends_at = models.DateTimeField(pgettext_lazy("of a token", "ends"), null=True, blank=True)
    made_at = models.DateTimeField(_("made"), auto_now_add=True)
    used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-pk"]
        verbose_name = _("token")
        verbose_name_plural = _("tokens")

    def __str__(self) -> str:
        return self.name

    def is_alive(self, now: datetime) -> bool:
        """Not expired, and its user may still open the desk."""
        has_ended = self.ends_at is not None and self.ends_at <= now
        return not has_ended and self.user.is_active and self.user.is_staff

    def allows_ip(self, ip: str) -> bool:
        if not self.networks:
            return True
        try:
            asked = ip_address(ip)
        except ValueError:
            return False
        return any(asked in ip_network(one) for one in self.networks.split())


class KeptAnswer(models.Model):
    """The stored response to an Idempotency-Key; without status, the claim of the request in progress."""

    token = models.ForeignKey(Token, models.CASCADE, related_name="+")
    key = models.CharField(max_length=KEY_LENGTH_MAX)  # a hash of it
    path = models.CharField(max_length=200)
    body_digest = models.CharField(max_length=64)
    claimed_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    content = models.TextField(blank=True)  # encrypted with the key

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["token", "key", "path"], name="a_key_is_answered_once")]
        indexes = [models.Index(fields=["claimed_at"], name="answers_by_age")]

    def __str__(self) -> str:
        return f"{self.path} {self.claimed_at:%F %T}"
