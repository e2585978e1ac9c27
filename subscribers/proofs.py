"""Proof of work for a sign-up: a sum that costs a browser about a second and a sender of thousands of forms hours.

The protocol is ALTCHA's, version 2. Nobody else is asked: the sum, its signature and the check are made here.
Source: https://altcha.org/docs/v2/proof-of-work/
"""

import base64
import json
import secrets
from datetime import datetime, timedelta
from typing import Any

import altcha
from django.conf import settings

from newsletter.mail.tokens import digest
from newsletter.publication.limits import is_over
from subscribers.addresses import key

ALGORITHM = "PBKDF2/SHA-256"
ITERATIONS = 10_000  # of PBKDF2, for one try
TRIES_MAX = 1_000  # half as many on average; docs/decisions/0034 has the measured times
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
    return f"subscribers.proofs.{purpose}.{settings.SECRET_KEY}"
