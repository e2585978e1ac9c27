"""DKIM signatures (RFC 6376, RFC 8463), for mail servers that do not sign.

Keys are files: DATA_DIR/dkim/SELECTOR.pem (RSA, PKCS #1 or #8) or SELECTOR.ed25519 (32 bytes in base64). Every key
signs every mail, for the sender's domain.
"""

import base64
import re
import time
from binascii import b2a_base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import batched
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.conf import settings

# RFC 6376 section 5.4.1, RFC 8058 section 4: both List-Unsubscribe headers must be covered.
# A name listed once more than the mail has it cannot be added in transit (oversigning, section 8.15).
SIGNED_FIELD_NAMES = (
    *("from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-id", "list-unsubscribe", "list-unsubscribe-post", "list-help", "list-owner", "list-post", "list-archive"),
    *("archived-at", "feedback-id", "precedence", "auto-submitted"),
)
OVERSIGNED_FIELD_NAMES = (
    *("from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
RSA_BITS_MIN = 1024  # shorter keys must not be used: RFC 8301 section 3.2
NAMES_IN_SIGNING_ORDER = tuple(name.encode() for name in (*SIGNED_FIELD_NAMES, *OVERSIGNED_FIELD_NAMES))
FOLD = b"\r\n "
LINE_LENGTH = 76  # octets
FIELD_LINE_END = re.compile(rb"\r\n(?![ \t])")
SPACES = re.compile(rb"[ \t]+")
_NAME_LINES = [b":".join(names) for names in batched(NAMES_IN_SIGNING_ORDER, 5, strict=False)]
SIGNED_NAMES_TAG = b"h=" + (b":" + FOLD).join(_NAME_LINES) + b";"
ALGORITHMS = {".pem": "rsa-sha256", ".ed25519": "ed25519-sha256"}


class InvalidKey(Exception):
    """Not a usable key; the message names the selector, not the content."""


@dataclass(frozen=True)
class DkimKey:
    selector: str
    algorithm: str
    private: bytes

    @property
    def kind(self) -> str:
        return self.algorithm.partition("-")[0]

    @property
    def record(self) -> str:
        return f"v=DKIM1; k={self.kind}; p={base64.b64encode(self._public()).decode()}"

    def _public(self) -> bytes:
        """The public key in the form of the DNS record: RFC 6376 section 3.6.1, RFC 8463 section 4."""
        public = _load_key(self).public_key()
        is_raw = self.kind == "ed25519"
        form = (Encoding.Raw, PublicFormat.Raw) if is_raw else (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        octets: bytes = public.public_bytes(*form)
        return octets

    def check(self) -> "DkimKey":
        """Return the key; raise InvalidKey unless it can sign."""
        try:
            private = _load_key(self)
        except Exception as error:
            raise InvalidKey(f"{self.selector}: no {self.kind} key") from error
        if self.kind == "rsa" and private.key_size < RSA_BITS_MIN:
            raise InvalidKey(f"{self.selector}: an RSA key needs {RSA_BITS_MIN} bits, and better 2048")
        return self


@lru_cache(maxsize=16)
def _load_key(key: DkimKey) -> Any:
    if key.kind == "ed25519":
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(key.private, validate=True))
    private = load_pem_private_key(key.private, password=None)
    if not isinstance(private, RSAPrivateKey):
        raise TypeError("the file holds a key of another kind")
    return private


def _sign(key: DkimKey, octets: bytes) -> bytes:
    private = _load_key(key)
    signed: bytes = (
        private.sign(sha256(octets).digest()) if key.kind == "ed25519" else private.sign(octets, PKCS1v15(), SHA256())
    )
    return signed


def load_keys() -> tuple[DkimKey, ...]:
    """Raise InvalidKey if a file is not a usable key."""
    folder: Path = settings.DKIM_DIR
    files = [path for path in sorted(folder.glob("*")) if path.suffix in ALGORITHMS] if folder.is_dir() else []
    return _read_keys(tuple((path, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=4)
def _read_keys(files: tuple[tuple[Path, int], ...]) -> tuple[DkimKey, ...]:
    return tuple(DkimKey(path.stem, ALGORITHMS[path.suffix], path.read_bytes().strip()).check() for path, _ in files)


def dkim_signatures(
    message: bytes, domain: str, keys: tuple[DkimKey, ...], at: int | None = None, body_digest: bytes = b""
) -> bytes:
    """The DKIM-Signature fields to prepend to a message with CRLF line ends.

    domain: of the From address, in ASCII, for DMARC alignment (RFC 9989). at: Unix time, by default now.
    body_digest: SHA-256 of the relaxed body, if it is known. Canonicalization is relaxed/relaxed: RFC 6376 section 3.4.
    """
    head, _end, body = message.partition(b"\r\n\r\n")
    signed = b"".join(map(relaxed_field, signed_fields(head)))
    body_hash = b2a_base64(body_digest or sha256(relaxed_body(body)).digest(), newline=False)
    moment = b"%d" % (time.time() if at is None else at)
    return b"".join([_signature(key, domain, signed, moment, body_hash) for key in keys])


def _signature(key: DkimKey, domain: str, signed: bytes, moment: bytes, body_hash: bytes) -> bytes:
    tags = f"v=1; a={key.algorithm}; c=relaxed/relaxed; d={domain}; s={key.selector}; t="
    first = b"DKIM-Signature: " + tags.replace("; ", ";\r\n ").encode() + moment + b";"
    unsigned = FOLD.join([first, SIGNED_NAMES_TAG, b"bh=" + body_hash + b";", b"b="])
    # Without its final CRLF: RFC 6376 section 3.7.
    encoded = b2a_base64(_sign(key, signed + relaxed_field(unsigned).removesuffix(b"\r\n")), newline=False)
    lines = [encoded[at : at + LINE_LENGTH] for at in range(0, len(encoded), LINE_LENGTH)]
    return FOLD.join([unsigned, *lines]) + b"\r\n"


def signed_fields(head: bytes) -> Iterator[bytes]:
    """Yield the fields of SIGNED_NAMES_TAG without CRLF, the last of equal names first: RFC 6376 section 5.4.2.

    Missing fields yield nothing, which signs their absence.
    """
    by_name: dict[bytes, list[bytes]] = {}
    for line in FIELD_LINE_END.split(head):
        by_name.setdefault(line.partition(b":")[0].strip().lower(), []).append(line)
    for name in NAMES_IN_SIGNING_ORDER:
        if left := by_name.get(name):
            yield left.pop()


@lru_cache(maxsize=128)  # most fields are the same in all copies of an issue
def relaxed_field(line: bytes) -> bytes:
    """Canonicalize a field without CRLF; the result ends with it. RFC 6376 section 3.4.2."""
    name, _colon, value = line.partition(b":")
    return name.strip().lower() + b":" + SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip() + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """Canonicalize a body that ends with CRLF: RFC 6376 section 3.4.4. Base64 needs no change."""
    if b"\t" in body or b"  " in body or b" \r" in body:
        body = SPACES.sub(b" ", body).replace(b" \r\n", b"\r\n")
    while body.endswith(b"\r\n"):
        body = body.removesuffix(b"\r\n")
    return body + b"\r\n" if body else b""
