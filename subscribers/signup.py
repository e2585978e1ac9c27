"""Signing up, with rate limits and a proof of work against bots.

The proof of work costs a browser about a second, and a bot that submits thousands of forms hours. The protocol is
ALTCHA's, version 2 (https://altcha.org/docs/v2/proof-of-work/).
"""

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import altcha
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from newsletter.limits.rate_limits import count_and_check_limit, retry_after_seconds, window_has_reached
from newsletter.mail.tokens import keyed_digest
from subscribers.addresses import comparison_key
from subscribers.models import Invitation, Subscriber, Suppression, address_hash, mail_queue
from subscribers.models.consents import Consent, ConsentDetails


@dataclass(frozen=True)
class SignupDetails:
    """Optional name and inviter of a sign-up."""

    name: str = ""
    inviter: Subscriber | None = None


def sign_up(
    email: str, how: ConsentDetails, now: datetime, *, send_at: datetime | None = None, who: SignupDetails | None = None
) -> bool:
    """Queue one mail to the address, now or at `send_at`; return whether this call queued it.

    New and former readers get a confirmation link; current readers a notice. Suppressed addresses get nothing until the
    author reopens them; erased ones may sign up again.
    Rate limits: per address one mail, one more after ten minutes, then one a day; per mailbox, however
    spelled, three a day. A refused sign-up is rolled back. Without `send_at`, a waiting mail is sent at once.
    who: ignored for readers who have confirmed before.
    """
    known_as = address_hash(email)
    if Suppression.objects.blocking_signup().filter(address_hash=known_as).exists():
        return False
    with transaction.atomic():
        subscriber, _made = Subscriber.objects.get_or_create(address_hash=known_as, defaults={"email": email})
        if not subscriber.ask(how, now):
            return send_at is None and _send_sooner(subscriber, now)
        if not mail_queue.consume_mail_quota(email, now):
            transaction.set_rollback(True)
            return False
        if who and subscriber.confirmed_at is None:
            _store_newcomer(subscriber, who)
        if send_at:
            _queryset_of(subscriber).filter(confirmation_due_at=now).update(confirmation_due_at=send_at)
    return True


def _store_newcomer(subscriber: Subscriber, who: SignupDetails) -> None:
    """The latest name and the earliest invitation win."""
    if who.name and subscriber.name != who.name:
        _queryset_of(subscriber).update(name=who.name)
    if who.inviter and who.inviter.is_reader:
        Invitation.objects.note(subscriber.pk, who.inviter.pk)


def _send_sooner(subscriber: Subscriber, now: datetime) -> bool:
    """Send a delayed mail now, unless it was tried and waits for a retry."""
    waiting = _queryset_of(subscriber).filter(confirmation_due_at__gt=now, confirmation_tries=0)
    return bool(waiting.update(confirmation_due_at=now))


def _queryset_of(subscriber: Subscriber) -> QuerySet[Subscriber]:
    return Subscriber.objects.filter(pk=subscriber.pk)


def add_manually(subscriber: Subscriber, how: ConsentDetails, now: datetime) -> None:
    """Save a new subscriber as active; the author vouches for their consent."""
    subscriber.address_hash = address_hash(subscriber.email)
    subscriber.state, subscriber.confirmed_at = Subscriber.State.ACTIVE, now
    with transaction.atomic():
        subscriber.save()
        Consent.objects.add(subscriber, Consent.Kind.IMPORTED, how, now)


TEN_MINUTES_SECONDS, HOUR_SECONDS = 600, 3600  # seconds
OPEN_LIMIT = 10  # sign-ups of a network in ten minutes; more need a second button
BUTTON_LIMIT = 30  # the same; more need a proof of work
SIGNUPS_PER_HOUR_MAX = 300  # sign-ups of a network in an hour; more are refused
RUSH_THRESHOLD = 300  # mails caused by all networks in an hour; then everybody needs the proof

# Without JavaScript there is no proof; the mail is delayed, for at most this many sign-ups per network per hour.
MAIL_DELAY = timedelta(minutes=10)
DELAYED_PER_HOUR_MAX, DELAYED_IN_RUSH_MAX = 60, 6


class SignupStep(StrEnum):
    OPEN = "open"
    BUTTON = "button"
    PROOF = "proof"
    CLOSED = "closed"


@dataclass(frozen=True)
class Admission:
    step: SignupStep
    send_at: datetime | None = None  # of a delayed mail
    seconds: int = 0  # to wait, if CLOSED
    is_crowded: bool = False  # whether BUTTON is due to the network's traffic, not to this form

    @property
    def is_open(self) -> bool:
        return self.step is SignupStep.OPEN


ADMITTED = Admission(SignupStep.OPEN)


def admit(network: str, now: datetime, *, is_like_person: bool) -> Admission:
    """Count a sign-up that has no proof or pass, and return what it must do next."""
    if seconds := retry_after_seconds(
        "signup-hour", network, limit=SIGNUPS_PER_HOUR_MAX, seconds=HOUR_SECONDS, now=now
    ):
        return Admission(SignupStep.CLOSED, seconds=seconds)
    is_crowded = bool(retry_after_seconds("signup", network, limit=OPEN_LIMIT, seconds=TEN_MINUTES_SECONDS, now=now))
    if is_rush(now) or window_has_reached(
        "signup", network, count=BUTTON_LIMIT + 1, seconds=TEN_MINUTES_SECONDS, now=now
    ):
        return Admission(SignupStep.PROOF)
    return Admission(SignupStep.BUTTON, is_crowded=is_crowded) if is_crowded or not is_like_person else ADMITTED


def admit_with_delayed_mail(network: str, now: datetime) -> Admission:
    """Admit a sign-up without a proof, with a delayed mail. A bot gains no more than the limits of `admit` allow."""
    limit = DELAYED_IN_RUSH_MAX if is_rush(now) else DELAYED_PER_HOUR_MAX
    if seconds := retry_after_seconds("signup-wait", network, limit=limit, seconds=HOUR_SECONDS, now=now):
        return Admission(SignupStep.CLOSED, seconds=seconds)
    return Admission(SignupStep.OPEN, send_at=now + MAIL_DELAY)


def record_signup_mail(now: datetime) -> None:
    retry_after_seconds("signup-all", "", limit=RUSH_THRESHOLD, seconds=HOUR_SECONDS, now=now)


def is_rush(now: datetime) -> bool:
    """Have sign-ups caused so many mails that everybody needs a proof?"""
    return window_has_reached("signup-all", "", count=RUSH_THRESHOLD, seconds=HOUR_SECONDS, now=now)


ALGORITHM = "PBKDF2/SHA-256"
ITERATIONS = 10_000  # of PBKDF2, per try
TRIES_MAX = 1_000  # half as many on average; `benchmarks.proof` has the measured times
CHALLENGE_LIFETIME = timedelta(minutes=20)  # a slow telephone needs half a minute
PAYLOAD_LENGTH_MAX = 2_000  # characters; real ones have about 700


def make_challenge(email: str, now: datetime) -> dict[str, Any]:
    """ALTCHA challenge for an address. The server draws the counter, which bounds the number of tries."""
    made = altcha.create_challenge(
        ALGORITHM,
        ITERATIONS,
        counter=secrets.randbelow(TRIES_MAX),
        expires_at=int((now + CHALLENGE_LIFETIME).timestamp()),
        data={"for": _address_digest(email)},
        hmac_secret=_secret("sum"),
        hmac_key_secret=_secret("answer"),
    )
    return made.to_dict()


def redeem_proof(payload: str, email: str) -> bool:
    """Is it a fresh, unused solution of our challenge for this address?

    Used nonces are stored with the rate limits. If those are lost, a proof can be reused for its own address
    only, whose mails are limited anyway.
    """
    if not payload or len(payload) > PAYLOAD_LENGTH_MAX:
        return False
    answer = altcha.verify_solution(payload, _secret("sum"), hmac_key_secret=_secret("answer"))
    if not answer.verified:
        return False
    parameters = json.loads(base64.b64decode(payload))["challenge"]["parameters"]  # signed by us
    if parameters["data"] != {"for": _address_digest(email)}:
        return False
    seconds = int(CHALLENGE_LIFETIME.total_seconds())
    return not count_and_check_limit("proof", parameters["nonce"], limit=1, seconds=seconds)


def _address_digest(email: str) -> str:
    return keyed_digest("proof of work", comparison_key(email))


def _secret(purpose: str) -> str:
    return f"subscribers.signup.{purpose}.{settings.SECRET_KEY}"
