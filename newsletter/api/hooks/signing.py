"""Signatures by Standard Webhooks, for which receivers have libraries.

Source: Standard Webhooks 1.0.0, “Signature scheme” (standardwebhooks.com).
"""

import base64
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of every secret
SECRET_BYTES = 32  # between 24 and 64
OLD_SECRET_FOR = timedelta(days=1)  # while the former secret also signs


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature_headers(message_id: str, body: bytes, keys: Iterable[str], now: datetime) -> dict[str, str]:
    """keys: the secret, and the former one while it is being replaced."""
    timestamp = str(int(now.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (_signature(key, signed) for key in keys)
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()
