"""The links of one reader: what each token is made for, and what it opens."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.urls import reverse

from newsletter.mail import tokens

FRESH_MINUTES = 30  # how long a link to one's own data opens


class Linked(models.Model):
    """A reader's row as its tokens see it: each is bound to the row's random value and to its address.

    Ids come again after a restore, and mailboxes change hands: a token of a lost row or of a former address
    opens nothing.
    """

    token_salt = models.CharField(max_length=tokens.SALT_LENGTH, default=tokens.new_salt, editable=False)

    address_hash: str
    signup_round: int
    unsubscribed_at: datetime | None

    class Meta:
        abstract = True

    # --- Links ---

    @property
    def confirm_url(self) -> str:
        return self._url("confirm")

    @property
    def unsubscribe_url(self) -> str:
        """Return an absolute URL of at most 74 characters on an ordinary host: longer ones ruin the header."""
        return self._url("unsubscribe")

    @property
    def preferences_url(self) -> str:
        return self._url("preferences")

    @property
    def invite_url(self) -> str:
        """Return the link to pass on: a sign-up page, which opens nothing of this reader."""
        return self._url("invite")

    @property
    def undo_url(self) -> str:
        return self._url("undo")

    def fresh_url(self, now: datetime) -> str:
        """Return the link to the reader's own data, which opens for half an hour: for the mailbox alone."""
        return settings.SITE_URL + reverse("subscribers:mine", args=[self.fresh_token(now)])

    # --- Tokens ---

    def token(self, purpose: str) -> str:
        return tokens.sign(purpose, self.pk, self._bound(purpose))

    def fresh_token(self, now: datetime) -> str:
        return tokens.sign("mine", self.pk, self._joined(str(_minute(now))))

    def is_opened_by(self, token: str, purpose: str) -> bool:
        """Return whether a token opens `purpose` for this reader now, at the address of now."""
        return tokens.opens(token, purpose, self._bound(purpose))

    def is_freshly_opened_by(self, token: str, now: datetime) -> bool:
        """Return whether a link to the reader's own data was made for today's address, in the last 30 minutes."""
        minutes = range(_minute(now) - FRESH_MINUTES, _minute(now) + 1)
        return any(tokens.opens(token, "mine", self._joined(str(minute))) for minute in minutes)

    def has_spent(self, token: str) -> bool:
        """Return whether a token once confirmed this reader, or could have."""
        rounds = range(1, self.signup_round)[-20:]
        return any(tokens.opens(token, "confirm", self._joined(str(number))) for number in rounds)

    def _bound(self, purpose: str) -> str:
        """Return what must not have changed, with the round of a sign-up, or the moment of leaving."""
        left_at = self.unsubscribed_at.isoformat() if self.unsubscribed_at else ""
        return self._joined({"confirm": str(self.signup_round), "undo": left_at}.get(purpose, ""))

    def _joined(self, condition: str) -> str:
        key = self.token_salt + self.address_hash
        return f"{key}.{condition}" if condition else key

    def _url(self, purpose: str) -> str:
        return settings.SITE_URL + reverse(f"subscribers:{purpose}", args=[self.token(purpose)])


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60
