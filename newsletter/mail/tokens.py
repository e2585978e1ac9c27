"""Short signed tokens for links in mails: base62 of an id and 16 characters of HMAC.

A token is valid for one purpose and does not expire; a one-time token is bound to a value that changes on use. Ids are
reused after a restore, so tokens are also bound to a random value of the row (`new_salt`).
"""

import hmac
import os
import secrets
import string
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp

from django.conf import settings

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
SIGNATURE_LENGTH = 16  # base62 characters: 95 bits
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # 3,844
TOKEN_LENGTH_MAX = 24  # longer ones break headers: docs/sending.md
SALT_LENGTH = 12  # characters: 72 bits


def new_salt() -> str:
    return secrets.token_urlsafe(SALT_LENGTH * 3 // 4)


def _base62(number: int) -> str:
    digits = ""
    while number >= len(PAIRS):
        number, rest = divmod(number, len(PAIRS))
        digits = PAIRS[rest] + digits
    return (PAIRS[number] if number >= len(ALPHABET) else ALPHABET[number]) + digits


@cache
def _key(purpose: str, secret: str) -> bytes:
    return sha256(f"newsletter.{purpose}.{secret}".encode()).digest()


def _signature(secret: str, purpose: str, number: int, bound_to: str) -> str:
    return _base62_digest(hmac.digest(_key(purpose, secret), f"{number}.{bound_to}".encode(), "sha256"))


def _base62_digest(octets: bytes) -> str:
    """SIGNATURE_LENGTH base62 digits of the first 96 bits."""
    return _base62(int.from_bytes(octets[:12]) % 62**SIGNATURE_LENGTH).rjust(SIGNATURE_LENGTH, ALPHABET[0])


def sign(purpose: str, number: int, bound_to: str = "") -> str:
    """The token of row `number` for `purpose`.

    bound_to: must be the same when the token is checked, such as the row's salt.
    """
    return _base62(number) + _signature(settings.SECRET_KEY, purpose, number, bound_to)


def claimed_id(token: str) -> int | None:
    """The id in a token, unverified; None if it is malformed."""
    head = token[:-SIGNATURE_LENGTH]
    if not head or len(token) > TOKEN_LENGTH_MAX or not all(char in ALPHABET for char in token):
        return None
    number = 0
    for char in head:
        number = number * 62 + ALPHABET.index(char)
    return number if number < 2**63 else None


def is_valid(token: str, purpose: str, bound_to: str = "") -> bool:
    """Check a token against the current secret and SECRET_KEY_FALLBACKS."""
    number = claimed_id(token)
    if number is None or token != _base62(number) + token[-SIGNATURE_LENGTH:]:
        return False
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    given = token[-SIGNATURE_LENGTH:].encode()
    matches = [hmac.compare_digest(_signature(key, purpose, number, bound_to).encode(), given) for key in keys]
    return any(matches)


def keyed_digest(purpose: str, text: str) -> str:
    return _hex_digest(purpose, settings.SECRET_KEY, text)


def digests(purpose: str, text: str) -> list[str]:
    """`keyed_digest` by the current secret, and by each of SECRET_KEY_FALLBACKS."""
    secrets_in_use = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [_hex_digest(purpose, secret, text) for secret in secrets_in_use]


def _hex_digest(purpose: str, secret: str, text: str) -> str:
    return hmac.digest(_key(purpose, secret), text.encode(), "sha256").hex()[:32]


def load_or_create_secret(path: Path, new: str) -> str:
    """Read the file; create it with `new` and mode 600 if it does not exist. Atomic, also between processes."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, unnamed = mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first
            os.link(unnamed, path)
        Path(unnamed).unlink()
    return path.read_text().strip()
