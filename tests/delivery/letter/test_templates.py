"""A signature that is computed in pieces is the one that is computed from the whole message, whatever is in it."""

import base64
import html as html_module
from base64 import b64decode
from email import message_from_bytes, policy
from hashlib import sha256

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.delivery.ledger.claims import Row
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.compiled import Compiled
from newsletter.delivery.letter.templates import Body, SignedTemplate, Template
from newsletter.mail.signatures import Key, relaxed_body, signatures
from subscribers.models import Subscriber

DOMAIN = "example.org"
ED25519 = Key("2026e", "ed25519-sha256", base64.b64encode(bytes(range(32))))
NOON = 1_790_000_000
# What a body must not lose or gain on its way through the relaxed form, beside plain words and values.
WORDS = ("a", "管理", " ", "  ", "\t", "\n", "\n\n", ".", ".\n", "..", " \n", "=", "\r\n")
SLOTS = ("\x02one\x03", "\x02two\x03")
TEXTS = st.lists(st.sampled_from(WORDS + SLOTS), max_size=40).map("".join)
VALUES = st.lists(st.sampled_from(WORDS), max_size=12).map(lambda pieces: "".join(pieces).encode())
# A value of a header may be folded, and may have spaces at its ends and beside a slot.
FIELD_PIECES = ("a", "B:", "=?utf-8?b?546L?=", " ", "  ", "\t", "\r\n ", "\r\n\t", ";", "<")
FIELDS = st.lists(st.sampled_from(FIELD_PIECES), max_size=10).map("".join)
FIELD_VALUES = FIELDS.map(str.encode)


@pytest.fixture(scope="module")
def rsa():
    private = generate_private_key(public_exponent=65537, key_size=2048)
    return Key("2026r", "rsa-sha256", private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def make_template(text="\x02one\x03\n", html="<p>\x02two\x03</p>\n", subject="第 42 期", to="\x02to\x03"):
    fields = f"From: Gipi <gipi@{DOMAIN}>\r\nSubject: {subject}\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n"
    own = f"To: {to}\r\nMessage-ID: <\x02id\x03@{DOMAIN}>\r\n"
    leaving = "List-Unsubscribe: <https://e.org/\x02id\x03/>,\r\n <mailto:bounces+\x02id\x03@e.org>\r\n"
    return Template(headers=f"{fields}{own}{leaving}".encode(), text=text, html=html)


def make_values(to=b"reader@example.com", one=b"", two=b""):
    return {"to": to, "id": b"1Q", "one": one, "two": two}


def verifies(message, number=0, *keys):
    records = {f"{key.selector}._domainkey.{DOMAIN}.": key.record.encode() for key in keys}
    return dkim.DKIM(message).verify(idx=number, dnsfunc=lambda name, timeout=5: records[name.decode()])


@given(text=TEXTS, html=TEXTS, one=VALUES, two=VALUES)
@example(text="", html="", one=b"", two=b"")
@example(text="\x02one\x03", html="\x02two\x03", one=b"", two=b"")
@example(text="\x02one\x03\x02two\x03\x02one\x03", html="a \x02two\x03 \n", one=b" ", two=b".\r\n")
@example(text="a" * 57 + "\x02one\x03", html=" \n\n\n", one=b"\r\n" * 30, two=b"")
def test_any_body_and_values_are_signed_as_the_whole_message_is(text, html, one, two):
    template, values = make_template(text, html), make_values(one=one, two=two)
    whole = template.render(values, values)

    message = SignedTemplate(template, DOMAIN, (ED25519,)).render(values, values, NOON)

    assert message == signatures(whole, DOMAIN, (ED25519,), NOON) + whole
    assert verifies(message, 0, ED25519)


@given(to=FIELD_VALUES, before=FIELDS, after=FIELDS, subject=FIELDS)
@example(to=b"", before=" ", after=" ", subject="")
@example(to=b" a ", before="", after="", subject=" ")
@example(to=b"\r\n a\r\n ", before="\t", after="  b", subject="\r\n  x")
@example(to=b"a" * 60 + b"\r\n " + b"b" * 60, before="x", after="x", subject="a\r\n " * 30)
def test_any_header_is_signed_as_the_whole_message_is(to, before, after, subject):
    template, values = make_template(subject=subject, to=f"{before}\x02to\x03{after}"), make_values(to)
    whole = template.render(values, values)

    message = SignedTemplate(template, DOMAIN, (ED25519,)).render(values, values, NOON)

    assert message == signatures(whole, DOMAIN, (ED25519,), NOON) + whole
    assert verifies(message, 0, ED25519)


@given(text=TEXTS, html=TEXTS, one=VALUES, two=VALUES)
def test_the_body_of_a_template_has_the_relaxed_form_whatever_is_in_it(text, html, one, two):
    template, values = make_template(text, html), make_values(one=one, two=two)

    body = template.render(values, values).partition(b"\r\n\r\n")[2]

    assert relaxed_body(body) == body
    assert body.startswith(template.text.beginning)


@given(one=VALUES, other=VALUES)
def test_one_reader_leaves_nothing_to_the_next(one, other):
    signed = SignedTemplate(make_template(), DOMAIN, (ED25519,))
    values, others = make_values(one=one), make_values(one=other)
    first = signed.render(values, values, NOON)

    signed.render(others, others, NOON)

    assert signed.render(values, values, NOON) == first


@pytest.mark.parametrize("subject", ["x", "多" * 200, "🎉 𠮷野家 堃", 'Say "hi", now', "a\r\n " * 200])
def test_every_key_signs_and_each_signature_verifies(rsa, subject):
    template = make_template(text="管理槓桿\n" * 900 + "\x02one\x03\n", html="<p>槓桿</p>\n" * 900, subject=subject)
    values = make_values(b"=?utf-8?b?546L5bCP5piO?=\r\n <reader@example.com>", one="王小明".encode())

    message = SignedTemplate(template, DOMAIN, (rsa, ED25519)).render(values, values, NOON)

    assert message.count(b"DKIM-Signature: ") == 2
    assert verifies(message, 0, rsa, ED25519)
    assert verifies(message, 1, rsa, ED25519)


def test_signatures_of_the_whole_are_found_right():
    values = make_values(one=b"x")

    assert SignedTemplate(make_template(), DOMAIN, (ED25519,)).is_right(values, values)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda signed: setattr(signed, "hashed", sha256(b"another beginning")),
        lambda signed: setattr(signed.fields, "end", b""),
        lambda signed: signed.fields.pieces.pop(),
    ],
)
def test_signatures_of_something_else_are_found_wrong(break_it):
    signed, values = SignedTemplate(make_template(), DOMAIN, (ED25519,)), make_values(one=b"x")

    break_it(signed)

    assert not signed.is_right(values, values)


# --- The compiled message says what the e-mail classes say, for any reader ---

NAMES = ["", "Ann", "王「小」明, Jr.", '"quoted" name', "長" * 60, "𠮷野家 😀"]


def parsed(octets):
    return message_from_bytes(octets, policy=policy.default)


def part(message, kind):
    return message.get_body((kind,)).get_payload(decode=True).decode()


@pytest.mark.parametrize("between", ["", "一", "ab", "管理槓桿" * 40])
def test_a_value_of_any_length_fits_between_any_pieces(between):
    text = f"前\x02one\x03{between}\x02two\x03後"
    for length in range(13):
        values = {"one": b"x" * length, "two": "值".encode() * (length % 4)}
        out = []

        Body(text).render(out, values)

        expected = text.replace("\x02one\x03", values["one"].decode()).replace("\x02two\x03", values["two"].decode())
        assert b64decode(b"".join(out)).decode() == expected + "\r\n"


def test_no_line_is_longer_than_76_and_none_begins_with_a_dot():
    template = Template(headers=b"Subject: .\r\n", text=".\n" * 500 + "\x02one\x03", html="<p>.</p>\n" * 500)

    message = template.render({"one": b"." * 200}, {"one": b""})

    assert max(len(line) for line in message.split(b"\r\n")) <= 76
    assert not [line for line in message.split(b"\r\n") if line.startswith(b".")]


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_message_is_the_one_of_the_e_mail_classes(make_mailing, name):
    mailing = make_mailing("")
    reader = Subscriber(pk=4711, email="o'b+x@example.org", name=name)
    built = parsed(rendering.copy_for(mailing, reader, ids=(mailing.pk, 5)).message(policy=policy.SMTP).as_bytes())

    row = Row(5, 4711, reader.email, name, is_mailable=True, token_salt=reader.token_salt)
    envelope = Compiled(mailing).envelope(row)

    compiled = parsed(envelope.data)
    assert envelope.recipient == reader.email
    assert {key: compiled[key] for key in compiled if key != "Date"} == {
        key: built[key] for key in built if key != "Date"
    }
    assert part(compiled, "html") == part(built, "html")
    assert part(compiled, "plain") == part(built, "plain")
    assert html_module.escape(reader.email) in part(compiled, "html")
