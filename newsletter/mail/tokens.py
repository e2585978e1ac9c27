"""Short signed tokens for links in mails: base62 of an id and 16 characters of HMAC.

A token is valid for one purpose and does not expire; a one-time token is bound to a value that changes on use. Ids are
reused after a restore, so tokens are also bound to a random value of the row (`new_salt`).
"""

import hmac
import os
import secrets
import string
from collections.abc import Callable, Sequence
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
    """16 base62 digits of 96 bits, by pairs and small integers: a mailing signs millions."""
    high, low = divmod(int.from_bytes(octets[:12]), 62**8)
    high, pairs = high % 62**8, PAIRS
    a, b, c, d = high // 62**4, high % 62**4, low // 62**4, low % 62**4
    left = f"{pairs[a // 3844]}{pairs[a % 3844]}{pairs[b // 3844]}{pairs[b % 3844]}"
    return f"{left}{pairs[c // 3844]}{pairs[c % 3844]}{pairs[d // 3844]}{pairs[d % 3844]}"


def sign(purpose: str, number: int, bound_to: str = "") -> str:
    """The token of row `number` for `purpose`.

    bound_to: must be the same when the token is checked, such as the row's salt.
    """
    return _base62(number) + _signature(settings.SECRET_KEY, purpose, number, bound_to)


def signer(purpose: str) -> Callable[[int, str], str]:
    """A faster `sign` for many rows of one purpose: (number, bound_to) to token."""
    signed = signers([purpose])
    return lambda number, bound_to: signed(number, bound_to)[0]


def signers(purposes: Sequence[str]) -> Callable[[int, str], list[str]]:
    """Like `signer` for several purposes: (number, bound_to) to one token a purpose."""
    macs = [_mac(_key(purpose, settings.SECRET_KEY)) for purpose in purposes]

    def signed(number: int, bound_to: str) -> list[str]:
        head, text = _base62(number), f"{number}.{bound_to}".encode()
        return [head + _base62_digest(mac(text)) for mac in macs]

    return signed


def _mac(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA256 for many texts: the key's hash states are computed once (RFC 2104 section 4)."""
    padded = key.ljust(sha256().block_size, b"\0")
    inner, outer = (sha256(bytes(octet ^ pad for octet in padded)) for pad in (0x36, 0x5C))

    def mac(text: bytes) -> bytes:
        within, around = inner.copy(), outer.copy()
        within.update(text)
        around.update(within.digest())
        return around.digest()

    return mac


def unverified_id(token: str) -> int | None:
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
    number = unverified_id(token)
    if number is None or token != _base62(number) + token[-SIGNATURE_LENGTH:]:
        return False
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    given = token[-SIGNATURE_LENGTH:].encode()
    matches = [hmac.compare_digest(_signature(key, purpose, number, bound_to).encode(), given) for key in keys]
    return any(matches)


def keyed_digest(purpose: str, text: str) -> str:
    return digester(purpose)(text)


def digests(purpose: str, text: str) -> list[str]:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return [_mac(_key(purpose, key))(text.encode()).hex()[:32] for key in keys]


def digester(purpose: str) -> Callable[[str], str]:
    mac = _mac(_key(purpose, settings.SECRET_KEY))
    return lambda text: mac(text.encode()).hex()[:32]


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
