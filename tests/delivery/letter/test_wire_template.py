"""The compiled message says what the e-mail classes say, for any reader."""

import html as html_module
from base64 import b64decode
from email import message_from_bytes, policy

import pytest

from newsletter.delivery.ledger.claims import Row
from newsletter.delivery.letter import rendering
from newsletter.delivery.letter.compiled import Compiled
from newsletter.delivery.letter.templates import Body, Template, lines
from subscribers.models import Subscriber

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


def test_lines_are_those_of_the_standard_library():
    octets = bytes(range(256)) * 3

    assert b64decode(lines(octets)) == octets


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


def test_a_compiled_message_has_every_header_once(make_mailing):
    mailing = make_mailing("")

    message = parsed(Compiled(mailing).envelope(Row(0, 1, "a@example.org", "甲", is_mailable=True)).data)

    names = [name.lower() for name in message]
    assert len(names) == len(set(names))
    assert {"from", "to", "subject", "date", "message-id", "list-unsubscribe", "mime-version"} <= set(names)
