"""DKIM: what a mail's signature covers, held against a verifier that is not ours to write."""

import base64
import email.policy
import os
import subprocess

import dkim
import pytest
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from newsletter.mail import dkim_signing, headers
from newsletter.mail.dkim_signing import InvalidKey, load_keys
from newsletter.mail.message import MailContent, build_mail

LIST = headers.MailingList("issues.example.org", "gipi@example.org", "https://e.org/about/", "https://e.org/issues/")
FIELDS = headers.list_headers(
    LIST, "https://e.org/unsubscribe/1Q/", web_url="https://e.org/issues/1/", feedback="1:issue:newsletter:abc"
)


def new_rsa_key(bits=2048):
    made = subprocess.run(["openssl", "genrsa", str(bits)], check=True, capture_output=True)
    return made.stdout


@pytest.fixture(scope="module")
def rsa_key():
    return new_rsa_key()


@pytest.fixture
def folder(tmp_path, settings):
    """Where the keys are looked for; empty."""
    settings.DKIM_DIR = tmp_path / "dkim"
    settings.DKIM_DIR.mkdir()
    return settings.DKIM_DIR


@pytest.fixture
def both(folder, rsa_key):
    """An RSA and an Ed25519 key."""
    (folder / "2026a.pem").write_bytes(rsa_key)
    (folder / "2026e.ed25519").write_bytes(base64.b64encode(os.urandom(32)) + b"\n")


def make_mail(subject="第 42 期：管理槓桿，不是更努力", fields=FIELDS):
    return build_mail(
        MailContent(subject, "<p>你好</p>", "你好\n"),
        sender=("Gipi電子報", "gipi@example.org"),
        to=("王「小」明", "reader@example.com"),
        reply_to="gipi@example.org",
        headers=fields,
    )


def octets_of(mail):
    return mail.message(policy=email.policy.SMTP).as_bytes()


def record(name, timeout=5):
    """Answer as the DNS would if the records were published as we say."""
    selector, _, domain = name.decode().rstrip(".").partition("._domainkey.")
    assert domain == "example.org"
    return next(key.record for key in load_keys() if key.selector == selector).encode()


def verifies(octets, number=0):
    try:
        return dkim.DKIM(octets).verify(idx=number, dnsfunc=record)
    except dkim.ValidationError:  # the body is not what was signed
        return False


def test_without_a_key_nothing_is_signed(folder):
    assert b"DKIM-Signature" not in octets_of(make_mail())


def test_each_key_signs_and_both_signatures_verify(both):
    octets = octets_of(make_mail())

    assert octets.count(b"DKIM-Signature: ") == 2
    assert verifies(octets, 0)
    assert verifies(octets, 1)


def test_the_same_mail_verifies_with_line_ends_of_the_outbox(both):
    stored = make_mail().message().as_bytes()

    assert b"\r\n" not in stored
    assert verifies(stored.replace(b"\n", b"\r\n"))


@pytest.mark.parametrize("name", ["From", "To", "Reply-To", "Subject", "Date", "Message-ID", *FIELDS])
def test_a_header_that_is_changed_on_the_way_breaks_the_signature(both, name):
    octets = octets_of(make_mail())
    begin = octets.index(f"\r\n{name}: ".encode()) + 2
    end = octets.index(b"\r\n", begin)

    changed = octets[:end] + b"x" + octets[end:]

    assert verifies(octets)
    assert not verifies(changed)


@pytest.mark.parametrize("name", ["List-Unsubscribe", "List-Unsubscribe-Post", "Reply-To", "Subject", "From"])
def test_a_header_that_is_added_on_the_way_breaks_the_signature(both, name):
    plain = octets_of(make_mail(fields={}))

    assert verifies(plain)
    assert not verifies(f"{name}: <https://evil.example/>\r\n".encode() + plain)


def test_the_body_is_covered(both):
    octets = octets_of(make_mail())

    assert not verifies(octets[:-20] + b"A" + octets[-19:])


def test_signatures_stand_first_and_are_ascii_in_short_lines(both):
    lines = octets_of(make_mail()).split(b"\r\n")

    assert lines[0].startswith(b"DKIM-Signature: ")
    assert all(len(line) <= 78 for line in lines)
    assert octets_of(make_mail()).isascii()


def test_the_record_of_an_rsa_key_is_what_openssl_says(folder, rsa_key):
    (folder / "s1.pem").write_bytes(rsa_key)
    command = ["openssl", "rsa", "-pubout", "-outform", "DER"]
    public = subprocess.run(command, input=rsa_key, check=True, capture_output=True).stdout

    (key,) = load_keys()

    assert key.record == f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def test_a_new_key_is_used_without_a_restart(folder, rsa_key):
    assert load_keys() == ()

    (folder / "s1.pem").write_bytes(rsa_key)

    assert [key.selector for key in load_keys()] == ["s1"]


@pytest.mark.parametrize("name", ["bad.pem", "bad.ed25519"])
def test_a_file_that_is_no_key_is_named_but_not_shown(folder, name):
    (folder / name).write_bytes(b"not a key, but a secret")

    with pytest.raises(InvalidKey, match=r"bad: no (rsa|ed25519) key") as told:
        load_keys()
    assert "secret" not in str(told.value)


def test_a_short_key_is_refused(folder):
    (folder / "short.pem").write_bytes(new_rsa_key(512))

    with pytest.raises(InvalidKey, match="an RSA key needs 1024 bits"):
        load_keys()


def test_both_unsubscribe_headers_are_among_what_is_signed():
    leaving = {"list-unsubscribe", "list-unsubscribe-post"}

    assert leaving | {"from", "list-id", "feedback-id"} <= set(dkim_signing.SIGNED_FIELD_NAMES)


# --- The relaxed form, held against dkimpy's ---

PIECES = st.sampled_from([b"a", b"B", b":", b" ", b"  ", b"\t", b"\r\n", b"\r\n ", b"=", b"\xe7\xae\xa1"])
OCTETS = st.lists(PIECES, max_size=30).map(b"".join)


@given(body=OCTETS.map(lambda body: body and body + b"\r\n"))
def test_a_body_has_the_relaxed_form_of_rfc_6376(body):
    assert dkim_signing.relaxed_body(body) == Relaxed.canonicalize_body(body)


@given(value=OCTETS.filter(lambda value: b"\r\n" not in value.replace(b"\r\n ", b"")))
def test_a_field_has_the_relaxed_form_of_rfc_6376(value):
    [(name, relaxed)] = Relaxed.canonicalize_headers([(b"Subject ", value + b"\r\n")])

    assert dkim_signing.relaxed_field(b"Subject :" + value) == name.strip() + b":" + relaxed


def test_a_message_without_a_body_verifies(both):
    head = b"From: gipi@example.org\r\nTo: reader@example.com\r\nSubject: x\r\n\r\n"
    assert verifies(dkim_signing.dkim_signatures(head, "example.org", load_keys()) + head)


def test_a_body_that_is_no_base64_verifies(both):
    mail = b"From: gipi@example.org\r\nSubject: a\r\n\tfolded  one \r\n\r\nspaces  and\ttabs \r\n\r\n \r\n\r\n"
    assert verifies(dkim_signing.dkim_signatures(mail, "example.org", load_keys()) + mail)


def test_a_field_that_occurs_twice_is_signed_from_the_last_one_up(both):
    mail = b"Archived-At: <one>\r\nFrom: gipi@example.org\r\nArchived-At: <two>\r\n\r\nx\r\n"
    signed = dkim_signing.dkim_signatures(mail, "example.org", load_keys())

    assert verifies(signed + mail)
    assert not verifies(signed + mail.replace(b"two", b"2"))
    assert verifies(signed + mail.replace(b"one", b"1"))


def test_a_key_signs_for_the_domain_that_it_is_asked_for(both):
    mail = b"From: gipi@example.org\r\n\r\n"

    ours, other = (
        dkim_signing.dkim_signatures(mail, domain, load_keys(), 7) for domain in ("example.org", "example.com")
    )

    assert (ours.count(b" d=example.org;"), other.count(b" d=example.com;")) == (2, 2)
    assert verifies(ours + mail)


def test_a_key_of_another_kind_is_refused(folder):
    command = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    (folder / "curve.pem").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)

    with pytest.raises(InvalidKey, match="curve: no rsa key"):
        load_keys()
