"""DKIM: a mail says by whose key it was signed (RFC 6376, RFC 8463). For mail servers that do not do it themselves.

A key is a file DATA_DIR/dkim/SELECTOR.pem (RSA, PKCS #1 or #8) or SELECTOR.ed25519 (32 bytes in base64). Each
key there signs each mail whose sender is at the domain that the DNS record is published for.
"""

import base64
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

# RFC 6376 section 5.4.1, and RFC 8058 section 4: both List-Unsubscribe headers must be covered.
# A name that is listed once more than a mail has it is signed as missing there: nobody adds another on the way
# (section 8.15).
SIGNED = (
    *("from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-id", "list-unsubscribe", "list-unsubscribe-post", "list-help", "list-owner", "list-post", "list-archive"),
    *("archived-at", "feedback-id", "precedence", "auto-submitted"),
)
SIGNED_ONCE_MORE = (
    *("from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d0101010500")  # OID 1.2.840.113549.1.1.1 and NULL, in DER
RSA_BITS_MIN = 1024  # shorter keys must not be used: RFC 8301 section 3.2
SUFFIXES = {".pem": "rsa-sha256", ".ed25519": "ed25519-sha256"}


class KeyUnusable(Exception):
    """A file that is no key; the message names it, and nothing of its content."""


@dataclass(frozen=True)
class Key:
    """One private key, by the name of its DNS record."""

    selector: str
    algorithm: str
    private: bytes

    @property
    def kind(self) -> str:
        return self.algorithm.partition("-")[0]

    @property
    def record(self) -> str:
        """Return the text of its DNS record."""
        return f"v=DKIM1; k={self.kind}; p={base64.b64encode(self._public()).decode()}"

    def _public(self) -> bytes:
        from dkim import crypto  # noqa: PLC0415 - see _signature
        from nacl.encoding import Base64Encoder  # noqa: PLC0415
        from nacl.signing import SigningKey  # noqa: PLC0415

        if self.kind == "ed25519":
            return bytes(SigningKey(self.private, encoder=Base64Encoder).verify_key)
        numbers = crypto.parse_pem_private_key(self.private)
        pair = b"".join(_der(0x02, _integer(numbers[name])) for name in ("modulus", "publicExponent"))
        # SubjectPublicKeyInfo: RFC 5280 section 4.1, RFC 8017 appendix A.1.1
        return _der(0x30, _der(0x30, RSA_ENCRYPTION) + _der(0x03, b"\0" + _der(0x30, pair)))

    def check(self) -> "Key":
        """Return the key itself; raise KeyUnusable unless mails can be signed with it."""
        try:
            public = self._public()
        except Exception as error:
            raise KeyUnusable(f"{self.selector}: no {self.kind} key") from error
        if self.kind == "rsa" and len(public) * 8 < RSA_BITS_MIN:
            raise KeyUnusable(f"{self.selector}: an RSA key needs {RSA_BITS_MIN} bits, and better 2048")
        return self


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, size] if size < 0x80 else [tag, 0x80 | len(octets), *octets]) + content


def _integer(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1)  # a leading zero bit: it is not negative


def keys() -> tuple[Key, ...]:
    """Return the keys that sign. Raise KeyUnusable when a file there is none."""
    folder: Path = settings.DKIM_DIR
    files = [path for path in sorted(folder.glob("*")) if path.suffix in SUFFIXES] if folder.is_dir() else []
    return _read(tuple((path, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int], ...]) -> tuple[Key, ...]:
    return tuple(Key(path.stem, SUFFIXES[path.suffix], path.read_bytes().strip()).check() for path, _ in files)


def signatures(message: bytes, domain: str, by: tuple[Key, ...]) -> bytes:
    """Return the DKIM-Signature fields of a message with CRLF line ends, to be put in front of it.

    domain: the sender's, in ASCII; receivers ask that it is the From address's (RFC 7489 section 3.1.1).
    """
    return b"".join(_signature(message, domain, key) for key in by)


def _signature(message: bytes, domain: str, key: Key) -> bytes:
    import dkim  # noqa: PLC0415 - it brings a DNS client and libsodium: 4 MB that an installation without keys does without

    signed: bytes = dkim.sign(
        message,
        key.selector.encode(),
        domain.encode(),
        key.private,
        canonicalize=(b"relaxed", b"relaxed"),
        signature_algorithm=key.algorithm.encode(),
        include_headers=[name.encode() for name in SIGNED + SIGNED_ONCE_MORE],
    )
    return signed
