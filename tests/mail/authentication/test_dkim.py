"""DKIM keys as they stand in the DNS."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from newsletter.mail.authentication import DnsAway, Resolver, dkim
from tests.support.dns import quoted


def rsa_key(bits: int, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, form)).decode()


def ed_key() -> str:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


@pytest.fixture
def read(name_server):
    def read(*texts):
        name_server.records["s1._domainkey.gipi.tw", "TXT"] = [quoted(text) for text in texts]
        return dkim.read(Resolver(seconds=2), "s1", "gipi.tw")

    return read


@pytest.mark.parametrize("bits", [1024, 2048])
def test_the_length_of_an_rsa_key_is_read(read, bits):
    found = read(f"v=DKIM1; k=rsa; p={rsa_key(bits)}")

    assert (found.kind, found.bits, found.is_revoked) == ("rsa", bits, False)


def test_an_ed25519_key_is_read(read):
    found = read(f"v=DKIM1; k=ed25519; p={ed_key()}")

    assert (found.kind, found.bits) == ("ed25519", 256)


@pytest.mark.parametrize("text", ["v=DKIM1; p=AAAA", "p=!", "v=DKIM1; k=ed25519; p=AAAA", "v=DKIM1; k=dsa; p=AAAA"])
def test_what_is_no_key_has_no_length(read, text):
    assert read(text).bits == 0


def test_a_provider_keeps_it_behind_an_alias(name_server):
    name_server.records |= {
        ("s1._domainkey.gipi.tw", "CNAME"): ["s1.provider.example."],
        ("s1.provider.example", "TXT"): [f'"p={rsa_key(1024)}"'],
    }

    found = dkim.read(Resolver(seconds=2), "s1", "gipi.tw")

    assert (found.bits, found.name) == (1024, "s1._domainkey.gipi.tw")


def test_none_and_not_known_are_two_answers(name_server):
    assert dkim.read(Resolver(seconds=2), "s1", "gipi.tw") == dkim.PublicKey("s1", "gipi.tw")

    name_server.fails = {"s1._domainkey.gipi.tw"}
    with pytest.raises(DnsAway):
        dkim.read(Resolver(seconds=2), "s1", "gipi.tw")
