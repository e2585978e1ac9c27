"""What is written quickly for one reader is, byte for byte, what the slow way writes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.delivery.compiled import Compiled, written_address, written_mailbox
from newsletter.delivery.ledger import Recipient
from newsletter.delivery.rendering import copy_for
from newsletter.mail import headers
from subscribers.models import Subscriber

NAMES = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="AZaz09 .,-_=?\"\\'@王é😀\u2028", max_size=80),
    st.text(alphabet="王小明", min_size=13, max_size=17),
)


def slow(name, address):
    return headers.written_mailboxes("To", [(name, address)], "\r\n")


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
    quick = or_refused(lambda: f"To: {written_mailbox(name, 'a@example.org').decode()}\r\n")

    assert quick == or_refused(slow, name, "a@example.org")


@given(st.one_of(st.emails(), st.text(alphabet="ab.@-_ <>,;é例\n'\"+", max_size=20)))
@example("a@" + "x" * 64 + ".org")
@example("a@例.org")
@example("a@localhost")
@example("a@example.org\n")
@example("a@b@example.org")
@example("a@example..org")
def test_an_address_is_written_or_refused_as_the_slow_way_does(address):
    assert or_refused(written_address, address) == or_refused(headers.ascii_address, address)


@pytest.mark.parametrize("number", [1, 61, 62, 10**6, 2**31 - 1])
def test_links_and_message_id_are_the_readers_own(make_mailing, settings, number):
    settings.SITE_URL = "https://news.example.org/a&b"
    mailing = make_mailing("")
    reader = Subscriber(pk=number, email="a@example.org")

    envelope = Compiled(mailing).envelope(Recipient(number, number, reader.email, "", is_mailable=True))

    built = copy_for(mailing, reader, ids=(mailing.pk, number)).extra_headers
    assert f"List-Unsubscribe: {built['List-Unsubscribe']}\r\n".encode() in envelope.data
    assert f"Message-ID: {built['Message-ID']}\r\n".encode() in envelope.data


def test_one_who_can_be_in_no_message_is_refused_with_the_reason(make_mailing):
    compiled = Compiled(make_mailing(""))

    with pytest.raises(ValueError, match="ASCII name"):
        compiled.envelope(Recipient(0, 1, "é@example.org", "", is_mailable=True))
    with pytest.raises(ValueError, match="control characters"):
        compiled.envelope(Recipient(0, 1, "a@example.org", "a\nb", is_mailable=True))
