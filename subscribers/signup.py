"""Signing up: what happens when somebody, or something, leaves an address, and who is let in.

The proof of work is a sum that costs a browser about a second and a sender of thousands of forms hours. The protocol is
ALTCHA's, version 2 (https://altcha.org/docs/v2/proof-of-work/); sum, signature and check are made here.
"""

import base64
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import altcha
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from newsletter.mail.tokens import digest
from newsletter.publication.limits import closed_seconds, has_come_to, is_over, left
from subscribers.addresses import key
from subscribers.models import Invitation, Subscriber, Suppression, address_hash, mails
from subscribers.models.consents import Circumstances, Consent


@dataclass(frozen=True)
class Newcomer:
    """What somebody new said besides the address, and by whose link they came."""

    name: str = ""
    by: Subscriber | None = None


def sign_up(
    email: str, how: Circumstances, now: datetime, *, send_at: datetime | None = None, who: Newcomer | None = None
) -> bool:
    """Let one mail answer the owner of an address, now or at `send_at`; return whether one is due by this call.

    A stranger and a reader who left get the link that confirms; a reader gets a mail that they are one already. Nobody
    is mailed who bounced, complained or was suppressed by hand, until the author lets them ask again; an erased reader
    may. Their confirmation is a new consent.
    However often this is called, the row allows one mail, one more after ten minutes, then one a day; and the mailbox
    allows three within a day, however its address is spelled. What it refuses leaves no trace.
    who: what is known of somebody new; nothing of it reaches who has confirmed before.
    A mail that waits for its time is sent at once when it is asked for again without one.
    """
    known_as = address_hash(email)
    if Suppression.objects.standing().filter(address_hash=known_as).exists():
        return False
    with transaction.atomic():
        subscriber, _made = Subscriber.objects.get_or_create(address_hash=known_as, defaults={"email": email})
        if not subscriber.ask(how, now):
            return send_at is None and _send_sooner(subscriber, now)
        if not mails.take_from_budget(email, now):
            transaction.set_rollback(True)
            return False
        if who and subscriber.confirmed_at is None:
            _know(subscriber, who)
        if send_at:
            _of(subscriber).filter(confirmation_due_at=now).update(confirmation_due_at=send_at)
    return True


def _know(subscriber: Subscriber, who: Newcomer) -> None:
    """Keep the name that was typed last, and the first link."""
    if who.name and subscriber.name != who.name:
        _of(subscriber).update(name=who.name)
    if who.by and who.by.is_reader:
        Invitation.objects.note(subscriber.pk, who.by.pk)


def _send_sooner(subscriber: Subscriber, now: datetime) -> bool:
    """Let a mail that waits for its time wait no longer. One that was tried waits for the provider: leave it."""
    waiting = _of(subscriber).filter(confirmation_due_at__gt=now, confirmation_tries=0)
    return bool(waiting.update(confirmation_due_at=now))


def _of(subscriber: Subscriber) -> QuerySet[Subscriber]:
    return Subscriber.objects.filter(pk=subscriber.pk)


def enrol(subscriber: Subscriber, how: Circumstances, now: datetime) -> None:
    """Make a new row a reader on the author's word, and save it."""
    subscriber.address_hash = address_hash(subscriber.email)
    subscriber.state, subscriber.confirmed_at = Subscriber.State.ACTIVE, now
    with transaction.atomic():
        subscriber.save()
        Consent.objects.add(subscriber, Consent.Kind.IMPORTED, how, now)


MINUTES_10, HOUR = 600, 3600  # seconds
FREE = 10  # sign-ups of one network within ten minutes, before each is asked for one more button
BUTTONS = 30  # the same, before each is asked for a proof of work
PER_HOUR = 300  # the same within an hour, before the door says when it opens again
ALL_PER_HOUR = 300  # mails that all networks together caused within an hour, before everybody is asked for the proof

# Whoever has no script cannot work out the proof: their letter takes one of these places of their network instead.
PLACE, PLACE_IN_A_RUSH = timedelta(minutes=1), timedelta(minutes=10)
WAIT_MAX = timedelta(hours=1)


class Step(StrEnum):
    OPEN = "open"
    BUTTON = "button"
    PROOF = "proof"
    CLOSED = "closed"


@dataclass(frozen=True)
class Admission:
    """What a sign-up is answered with: let in, now or with a letter that waits, or asked for more."""

    step: Step
    send_at: datetime | None = None  # of a letter that waits for its turn
    seconds: int = 0  # until a closed door opens again
    is_crowded: bool = False  # whether the button is asked for because of the many, not because of this form

    @property
    def is_open(self) -> bool:
        return self.step is Step.OPEN


OPEN = Admission(Step.OPEN)


def knock(network: str, now: datetime, *, is_like_person: bool) -> Admission:
    """Count a sign-up that has paid nothing yet; return what is asked of it."""
    if seconds := closed_seconds("signup-hour", network, limit=PER_HOUR, seconds=HOUR, now=now):
        return Admission(Step.CLOSED, seconds=seconds)
    is_crowded = bool(closed_seconds("signup", network, limit=FREE, seconds=MINUTES_10, now=now))
    if is_rush(now) or has_come_to("signup", network, count=BUTTONS + 1, seconds=MINUTES_10, now=now):
        return Admission(Step.PROOF)
    return Admission(Step.BUTTON, is_crowded=is_crowded) if is_crowded or not is_like_person else OPEN


def queue(network: str, ticket: str, now: datetime) -> Admission:
    """Let a sign-up in without a proof, whose letter waits for a place of its network: one a minute, for an hour ahead.

    A sender of thousands of forms so gets no more than by coming back each time the door is free.
    ticket: what the form carried; sent twice, as by a double click, it takes one place.
    """
    if is_over("signup-ticket", ticket, limit=1, seconds=HOUR):
        return Admission(Step.OPEN, send_at=now + WAIT_MAX)
    place = (PLACE_IN_A_RUSH if is_rush(now) else PLACE).total_seconds()
    following = int(now.timestamp() // place) + 2  # a minute at least
    for number in range(following, following + int(WAIT_MAX.total_seconds() // place)):
        if not is_over("signup-place", f"{network} {place} {number}", limit=1, seconds=2 * HOUR):
            return Admission(Step.OPEN, send_at=datetime.fromtimestamp(number * place, UTC))
    return Admission(Step.CLOSED, seconds=left(int(place), now))


def count_mail(now: datetime) -> None:
    """Count a mail that the door has caused, whoever asked for it."""
    closed_seconds("signup-all", "", limit=ALL_PER_HOUR, seconds=HOUR, now=now)


def is_rush(now: datetime) -> bool:
    """Return whether the door has caused so many mails that everybody is asked for the proof."""
    return has_come_to("signup-all", "", count=ALL_PER_HOUR, seconds=HOUR, now=now)


ALGORITHM = "PBKDF2/SHA-256"
ITERATIONS = 10_000  # of PBKDF2, for one try
TRIES_MAX = 1_000  # half as many on average; `benchmarks.proof` has the measured times
LIFETIME = timedelta(minutes=20)  # a slow telephone needs half a minute; a person may look away
PAYLOAD_LENGTH_MAX = 2_000  # characters; a true one has about 700


def challenge(email: str, now: datetime) -> dict[str, Any]:
    """Return the sum for a sign-up of this address, in the form that ALTCHA's workers read.

    The number of tries is drawn here, so that it has a bound: nobody waits ten times as long as another.
    """
    made = altcha.create_challenge(
        ALGORITHM,
        ITERATIONS,
        counter=secrets.randbelow(TRIES_MAX),
        expires_at=int((now + LIFETIME).timestamp()),
        data={"for": _bound(email)},
        hmac_secret=_secret("sum"),
        hmac_key_secret=_secret("answer"),
    )
    return made.to_dict()


def is_solved(payload: str, email: str) -> bool:
    """Return whether `payload` answers a sum that was made here for this address, is fresh, and was not used before.

    Used ones are remembered with the counters of the doors. Should those be lost, a sum could be used again for its own
    address alone, which has its mails counted anyway.
    """
    if not payload or len(payload) > PAYLOAD_LENGTH_MAX:
        return False
    answer = altcha.verify_solution(payload, _secret("sum"), hmac_key_secret=_secret("answer"))
    if not answer.verified:
        return False
    parameters = json.loads(base64.b64decode(payload))["challenge"]["parameters"]  # signed, so of our own making
    if parameters["data"] != {"for": _bound(email)}:
        return False
    return not is_over("proof", parameters["nonce"], limit=1, seconds=int(LIFETIME.total_seconds()))


def _bound(email: str) -> str:
    return digest("proof of work", key(email))


def _secret(purpose: str) -> str:
    return f"subscribers.signup.{purpose}.{settings.SECRET_KEY}"
