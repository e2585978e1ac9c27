"""DKIM keys as they stand in the DNS: of which kind, how long, whether still in use. RFC 6376 section 3.6.1."""

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from newsletter.mail.authentication import Ask

RSA_BITS_GOOD = 2048  # what Gmail advises; 1024 is the least that anybody takes: RFC 8301 section 3.2


@dataclass(frozen=True)
class PublicKey:
    """A key that the DNS has under a selector; text is "" where there is none.

    kind: "rsa", "ed25519" or what else the record says. bits: 0 if the key cannot be read.
    """

    selector: str
    domain: str
    text: str = ""
    kind: str = ""
    bits: int = 0
    is_revoked: bool = False

    @property
    def name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def material(self) -> str:
        """Return the key itself in base64, by which two records are compared."""
        return tags(self.text).get("p", "")


def tags(record: str) -> dict[str, str]:
    pairs = (tag.partition("=") for tag in record.split(";"))
    return {name.strip(): "".join(value.split()) for name, _equals, value in pairs}


def read(ask: Ask, selector: str, domain: str) -> PublicKey:
    """Return the key of a selector. Raise DnsAway when nobody answers."""
    records = ask(f"{selector}._domainkey.{domain}", "TXT").records
    keys = [one for one in records if "p" in tags(one)]
    if not keys:
        return PublicKey(selector, domain)
    text = keys[0]
    kind = tags(text).get("k", "rsa").lower()
    material = tags(text)["p"]
    return PublicKey(selector, domain, text, kind, _bits(kind, material), is_revoked=not material)


def _bits(kind: str, material: str) -> int:
    try:
        octets = base64.b64decode(material, validate=True)
        if kind == "ed25519":
            return 256 if len(octets) == 32 else 0
        key = load_der_public_key(octets)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0
