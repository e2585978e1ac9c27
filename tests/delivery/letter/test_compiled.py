"""What is written quickly for one reader is, byte for byte, what the slow way writes."""

import html as html_module
from base64 import b64decode, b64encode
from email import message_from_bytes, policy
from hashlib import sha256

import dkim
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.delivery.ledger.claims import DeliveryRow
from newsletter.delivery.letter import compiled, rendering
from newsletter.delivery.letter.compiled import (
    BodyTemplate,
    CompiledMailing,
    MessageTemplate,
    fast_ascii_address,
    fast_to_value,
    proof_rows,
)
from newsletter.delivery.letter.rendering import build_copy
from newsletter.delivery.models import Mailing
from newsletter.delivery.sending.couriers import SmtpCourier
from newsletter.mail import dkim_signing, headers
from subscribers.models import Subscriber
from tests.factories import make_publication

NAMES = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="AZaz09 .,-_=?\"\\'@王é😀\u2028", max_size=80),
    st.text(alphabet="王小明", min_size=13, max_size=17),
)


def slow(name, address):
    return headers.format_address_header("To", [(name, address)], "\r\n")


def or_refused(write, *given):
    try:
        return write(*given)
    except ValueError as problem:
        return str(problem)


@given(NAMES)
@example("")
@example("王" * 15)
@example("王" * 16)
@example("Ann  Lee")
@example(" Ann")
@example("=?utf-8?q?x?=")
@example("a" * 45)
@example("a" * 71)
@example("王\n")
def test_a_name_is_written_as_the_slow_way_writes_it(name):
    quick = or_refused(lambda: f"To: {fast_to_value(name, 'a@example.org').decode()}\r\n")

    assert quick == or_refused(slow, name, "a@example.org")


@given(st.one_of(st.emails(), st.text(alphabet="ab.@-_ <>,;é例\n'\"+", max_size=20)))
@example("a@" + "x" * 64 + ".org")
@example("a@例.org")
@example("a@localhost")
@example("a@example.org\n")
@example("a@b@example.org")
@example("a@example..org")
def test_an_address_is_written_or_refused_as_the_slow_way_does(address):
    assert or_refused(fast_ascii_address, address) == or_refused(headers.ascii_address, address)


@pytest.mark.parametrize("number", [1, 61, 62, 10**6, 2**31 - 1])
def test_links_and_message_id_are_the_readers_own(make_mailing, settings, number):
    settings.SITE_URL = "https://news.example.org/a&b"
    mailing = make_mailing("")
    reader = Subscriber(pk=number, email="a@example.org")

    row = DeliveryRow(number, number, reader.email, "", is_mailable=True, token_salt=reader.token_salt)
    envelope = CompiledMailing(mailing).envelope(row)

    built = build_copy(mailing, reader, ids=(mailing.pk, number)).extra_headers
    assert f"List-Unsubscribe: {built['List-Unsubscribe']}\r\n".encode() in envelope.data
    assert f"Message-ID: {built['Message-ID']}\r\n".encode() in envelope.data


def test_one_who_can_be_in_no_message_is_refused_with_the_reason(make_mailing):
    compiled = CompiledMailing(make_mailing(""))

    with pytest.raises(ValueError, match="ASCII name"):
        compiled.envelope(DeliveryRow(0, 1, "é@example.org", "", is_mailable=True))
    with pytest.raises(ValueError, match="control characters"):
        compiled.envelope(DeliveryRow(0, 1, "a@example.org", "a\nb", is_mailable=True))


@pytest.mark.parametrize("mailbox", ["", "pipe:"])
def test_a_copy_is_signed_where_there_is_a_key(make_mailing, settings, tmp_path, mailbox):
    settings.MAILBOX_URL = mailbox
    make_publication(bounces_to="bounces@news.example.org")
    settings.DKIM_DIR = tmp_path
    (tmp_path / "2026.ed25519").write_bytes(b64encode(bytes(range(32))))
    (key,) = dkim_signing.load_keys()

    compiled = CompiledMailing(make_mailing(""))

    envelopes = [compiled.envelope(DeliveryRow(seq, seq, f"{seq}@example.org", "", is_mailable=True)) for seq in (1, 2)]

    for envelope in envelopes:
        assert envelope.data.count(b"DKIM-Signature:") == 1
        assert dkim.verify(envelope.data, dnsfunc=lambda _name, timeout=5: key.record.encode())


# --- A link to pass on ---


def test_where_readers_invite_readers_each_has_a_link_of_their_own_in_both_parts(make_mailing):
    make_publication(invites=True)
    mailing = make_mailing("ab")

    compiled = CompiledMailing(mailing)

    assert compiled.describe_difference(mailing) == ""
    for row in proof_rows(mailing):
        link = Subscriber.objects.get(email=row.email).invite_url
        message = message_from_bytes(compiled.envelope(row).data, policy=policy.default)
        for kind in ("plain", "html"):
            assert link in message.get_body((kind,)).get_content()


# --- The reader's name ---


def test_each_reader_is_called_by_their_name_and_who_gave_none_by_the_authors_word(issue, make_mailing):
    issue.introduction = "{稱呼|朋友}，你好：這一期談授權。"
    issue.save()
    mailing = make_mailing("abc")
    Subscriber.objects.filter(email="b@example.org").update(name="王<小>&明")
    compiled = CompiledMailing(mailing)

    written = {row.email: compiled.envelope(row).data for row in proof_rows(mailing)}
    bodies = {email: message_from_bytes(data, policy=policy.default) for email, data in written.items()}

    assert compiled.describe_difference(mailing) == ""
    assert "王&lt;小&gt;&amp;明，你好：這一期" in bodies["b@example.org"].get_body(("html",)).get_content()
    assert "王<小>&明，你好：這一期" in bodies["b@example.org"].get_body(("plain",)).get_content()
    for part in ("html", "plain"):
        assert "朋友，你好：這一期" in bodies["a@example.org"].get_body((part,)).get_content()


# --- The proof before the first copy leaves ---


def put_into(part, name, at=slice(None)):
    """Break a part of a template: another value in some of its slots."""
    part.pieces[at] = [(name, piece) for _name, piece in part.pieces[at]]


@pytest.mark.parametrize(
    ("part", "break_it"),
    [
        ("text/html", lambda template: put_into(template.html, "preferences")),
        ("text/plain", lambda template: put_into(template.text, "email")),
        ("to", lambda template: put_into(template.head, "email", at=slice(1))),
        ("message-id", lambda template: put_into(template.head, "to", at=slice(1, 2))),
    ],
)
def test_a_template_that_says_something_else_is_named(make_mailing, part, break_it):
    mailing = make_mailing("abc")
    Subscriber.objects.filter(email="b@example.org").update(name="王小明")
    compiled = CompiledMailing(mailing)

    break_it(compiled.template)

    assert f"{part} differs" in compiled.describe_difference(mailing)


def leaving(mailing):
    """Return the field by which the first reader leaves, unfolded, and the reader."""
    reader = Subscriber.objects.get(email="a@example.org")
    row = next(row for row in proof_rows(mailing) if row.email == reader.email)
    sent = message_from_bytes(CompiledMailing(mailing).envelope(row).data)
    return " ".join(sent["List-Unsubscribe"].split()), reader


@pytest.mark.parametrize(
    ("bounces_to", "mailbox"), [("", "imap://x@mail.example.org"), ("bounces@news.example.org", ""), ("", "")]
)
def test_nobody_is_told_to_leave_by_mail_where_nobody_reads_it(make_mailing, settings, bounces_to, mailbox):
    settings.MAILBOX_URL = mailbox
    make_publication(bounces_to=bounces_to)
    mailing = make_mailing("a")

    field, reader = leaving(mailing)

    assert field == f"<{reader.unsubscribe_url}>"
    assert CompiledMailing(mailing).describe_difference(mailing) == ""


@pytest.mark.parametrize("mailbox", ["imap://x@mail.example.org", "pipe:"])
def test_a_reader_may_leave_by_mail_where_a_mailbox_is_read(make_mailing, settings, mailbox):
    settings.MAILBOX_URL = mailbox
    make_publication(bounces_to="bounces@news.example.org")
    mailing = make_mailing("a")

    field, reader = leaving(mailing)

    by_mail = f"bounces+{reader.token('unsubscribe')}@news.example.org"
    assert field == f"<{reader.unsubscribe_url}>, <mailto:{by_mail}>"
    assert len(f"<mailto:{by_mail}>") < 74
    assert CompiledMailing(mailing).describe_difference(mailing) == ""


def test_the_first_the_last_the_nameless_and_the_longest_name_are_looked_at(make_mailing):
    mailing = make_mailing("abcdef")
    Subscriber.objects.exclude(email="c@example.org").update(name="Ann")
    Subscriber.objects.filter(email="d@example.org").update(name="王小明先生")
    Subscriber.objects.filter(email="e@example.org").update(name="a\nlonger name that no message can hold")

    assert [row.email[0] for row in proof_rows(mailing)] == ["a", "f", "c", "d"]


def test_the_last_of_many_readers_is_looked_at_too(make_mailing, monkeypatch):
    monkeypatch.setattr(compiled, "SAMPLED_ROWS", 3)

    assert [row.email[0] for row in proof_rows(make_mailing("abcdefg"))] == ["a", "g"]


def test_a_mailing_whose_template_went_wrong_is_paused_before_its_first_copy(make_mailing, run, bulk_smtp):
    mailing = make_mailing("abc")
    courier = SmtpCourier("bulk", mailing)
    put_into(courier.compiled.template.head, "email", at=slice(1))
    Subscriber.objects.update(name="Ann")

    run(mailing, courier)

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.PAUSED
    assert "is not the one that was approved: to differs" in mailing.reason
    assert bulk_smtp.received() == []
    assert mailing.counts().queued == 3


# --- The compiled message says what the e-mail classes say, for any reader ---

ODD_NAMES = ["", "Ann", "王「小」明, Jr.", '"quoted" name', "長" * 60, "𠮷野家 😀"]


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

        BodyTemplate(text).render(out, values)

        expected = text.replace("\x02one\x03", values["one"].decode()).replace("\x02two\x03", values["two"].decode())
        assert b64decode(b"".join(out)).decode() == expected + "\r\n"


def test_no_line_is_longer_than_76_and_none_begins_with_a_dot():
    template = MessageTemplate(headers=b"Subject: .\r\n", text=".\n" * 500 + "\x02one\x03", html="<p>.</p>\n" * 500)

    message = template.render({"one": b"." * 200}, {"one": b""})

    assert max(len(line) for line in message.split(b"\r\n")) <= 76
    assert not [line for line in message.split(b"\r\n") if line.startswith(b".")]


# What relaxed canonicalization would change in a body that is not encoded, beside words and placeholders.
LOOSE_TEXTS = st.lists(st.sampled_from(["管理", " ", "  ", "\t", "\n\n", ".", " \n", "\x02one\x03"]), max_size=40).map(
    "".join
)


@given(text=LOOSE_TEXTS, html=LOOSE_TEXTS, one=LOOSE_TEXTS)
@example(text="", html="", one="")
@example(text="\x02one\x03", html="\x02one\x03", one=" \n\n")
def test_the_body_of_any_message_is_hashed_for_dkim_as_the_whole_body_is(text, html, one):
    template, values = MessageTemplate(headers=b"Subject: .\r\n", text=text, html=html), {"one": one.encode()}

    message = template.render(values, values)

    body = message.partition(b"\r\n\r\n")[2]
    assert template.body_digest(message) == sha256(dkim_signing.relaxed_body(body)).digest()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_compiled_message_is_the_one_of_the_e_mail_classes(make_mailing, name):
    mailing = make_mailing("")
    reader = Subscriber(pk=4711, email="o'b+x@example.org", name=name)
    built = parsed(rendering.build_copy(mailing, reader, ids=(mailing.pk, 5)).message(policy=policy.SMTP).as_bytes())

    row = DeliveryRow(5, 4711, reader.email, name, is_mailable=True, token_salt=reader.token_salt)
    envelope = CompiledMailing(mailing).envelope(row)

    compiled = parsed(envelope.data)
    assert envelope.recipient == reader.email
    assert {key: compiled[key] for key in compiled if key != "Date"} == {
        key: built[key] for key in built if key != "Date"
    }
    assert part(compiled, "html") == part(built, "html")
    assert part(compiled, "plain") == part(built, "plain")
    assert html_module.escape(reader.email) in part(compiled, "html")
