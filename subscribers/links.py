"""Signed links of a reader, by purpose."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.urls import reverse

from newsletter.mail import tokens

DATA_LINK_MINUTES = 30  # lifetime of a link to the reader's data


class ReaderLinks(models.Model):
    """Tokens are bound to the row's random salt and to the address.

    After a restore ids are used again, and mailboxes change owners: a token of a lost row or former address is invalid.
    """

    token_salt = models.CharField(max_length=tokens.SALT_LENGTH, default=tokens.new_salt, editable=False)

    address_hash: str
    signup_round: int
    unsubscribed_at: datetime | None

    class Meta:
        abstract = True

    @property
    def confirm_url(self) -> str:
        return self._url("confirm")

    @property
    def unsubscribe_url(self) -> str:
        """At most 74 characters on an ordinary host: longer ones break the header."""
        return self._url("unsubscribe")

    @property
    def preferences_url(self) -> str:
        return self._url("preferences")

    @property
    def invite_url(self) -> str:
        """A sign-up page to pass on; gives no access to this reader's data."""
        return self._url("invite")

    @property
    def undo_url(self) -> str:
        return self._url("undo")

    def data_url(self, now: datetime) -> str:
        """Link to the reader's own data, valid for DATA_LINK_MINUTES; send it only to the mailbox."""
        return settings.SITE_URL + reverse("subscribers:mine", args=[self.fresh_token(now)])

    def token(self, purpose: str) -> str:
        return tokens.sign(purpose, self.pk, self._bound(purpose))

    def fresh_token(self, now: datetime) -> str:
        return tokens.sign("mine", self.pk, self._with_key(str(_minute(now))))

    def accepts_token(self, token: str, purpose: str) -> bool:
        return tokens.is_valid(token, purpose, self._bound(purpose))

    def accepts_fresh_token(self, token: str, now: datetime) -> bool:
        """Whether the token was made for the current address within DATA_LINK_MINUTES."""
        minutes = range(_minute(now) - DATA_LINK_MINUTES, _minute(now) + 1)
        return any(tokens.is_valid(token, "mine", self._with_key(str(minute))) for minute in minutes)

    def has_spent(self, token: str) -> bool:
        """Whether it is a confirmation token of a former round."""
        rounds = range(1, self.signup_round)[-20:]
        return any(tokens.is_valid(token, "confirm", self._with_key(str(number))) for number in rounds)

    def _bound(self, purpose: str) -> str:
        """The state to which a token is bound, with the sign-up round or the time of leaving."""
        left_at = self.unsubscribed_at.isoformat() if self.unsubscribed_at else ""
        return self._with_key({"confirm": str(self.signup_round), "undo": left_at}.get(purpose, ""))

    def _with_key(self, condition: str) -> str:
        key = self.token_salt + self.address_hash
        return f"{key}.{condition}" if condition else key

    def _url(self, purpose: str) -> str:
        return settings.SITE_URL + reverse(f"subscribers:{purpose}", args=[self.token(purpose)])


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60
