"""Mails in the mailbox are stored and moved; nothing is lost, whatever fails between."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from django.utils import timezone

from newsletter.delivery.events.mailbox import MailboxConfig, MailboxUnavailable, fetch_mails, parse_mailbox_url
from newsletter.delivery.models import InboundMessage, MailFetch
from newsletter.delivery.tasks import read_mailbox
from tests.delivery.conftest import NOW
from tests.delivery.events.mails import plain
from tests.support.imap import mailbox  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
FIRST, SECOND = plain("第一封").replace(b"\n", b"\r\n"), plain("Second\x00").replace(b"\n", b"\r\n")


def stored():
    return [bytes(body) for body in InboundMessage.objects.order_by("pk").values_list("body", flat=True)]


@pytest.mark.parametrize("can_move", [True, False])
def test_each_mail_is_stored_as_it_is_and_then_moved(mailbox, can_move):  # noqa: F811
    mailbox.can_move = can_move
    mailbox.deliver(FIRST, SECOND)

    assert fetch_mails(NOW) == 2

    assert stored() == [FIRST, SECOND]
    assert mailbox.held() == []
    assert mailbox.held("Processed") == [FIRST, SECOND]
    assert MailFetch.objects.get().looked_at == NOW


@pytest.mark.parametrize("broken", ["MOVE", "CREATE"])
def test_a_mail_that_cannot_be_moved_is_stored_and_moved_later(mailbox, broken):  # noqa: F811
    mailbox.deliver(FIRST)
    mailbox.broken = broken

    with pytest.raises(MailboxUnavailable):
        fetch_mails(NOW)
    assert stored() == mailbox.held() == [FIRST]

    mailbox.broken = ""
    assert fetch_mails(NOW) == 0
    assert stored() == mailbox.held("Processed") == [FIRST]
    assert mailbox.held() == []


def test_a_mail_that_cannot_be_moved_does_not_hold_up_those_behind_it(mailbox):  # noqa: F811
    mailbox.deliver(FIRST, SECOND)
    mailbox.refused = {1}

    with pytest.raises(MailboxUnavailable, match="is refused"):
        fetch_mails(NOW)

    assert sorted(stored()) == sorted([FIRST, SECOND])
    assert mailbox.held() == [FIRST]
    assert mailbox.held("Processed") == [SECOND]
    assert "is refused" in MailFetch.objects.get().problem


def test_a_mail_that_cannot_be_stored_stays_in_the_mailbox(mailbox):  # noqa: F811
    def away(*_args):
        raise OperationalError("no connection")

    mailbox.deliver(FIRST)
    with pytest.raises(OperationalError), connection.execute_wrapper(away):
        fetch_mails(NOW)

    assert mailbox.held() == [FIRST]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda url: url.replace("pass%2Fword", "wrong%2Fsecret"), "wrong password"),
        (lambda url: url.replace("INBOX", "Elsewhere"), "there is no such folder"),
        (lambda url: "imap://bounces:wrong%2Fsecret@127.0.0.1:9/INBOX", "ConnectionRefusedError"),
    ],
)
def test_a_mailbox_that_cannot_be_read_is_told_without_its_password(mailbox, settings, change, why):  # noqa: F811
    mailbox.deliver(FIRST)
    settings.MAILBOX_URL = change(settings.MAILBOX_URL)

    with pytest.raises(MailboxUnavailable, match=why):
        fetch_mails(NOW)

    row = MailFetch.objects.get()
    assert why in row.problem
    assert "secret" not in row.problem
    assert (row.failing_since, row.looked_at) == (NOW, None)
    assert mailbox.held() == [FIRST]


CUTS = ["LOGIN", "SELECT", "FETCH", "FETCH half", "FETCH done", "MOVE", "MOVE done"]
WITHOUT_MOVE = ["COPY", "COPY done", "STORE", "STORE done", "EXPUNGE", "EXPUNGE done"]


@pytest.mark.parametrize(("cut", "can_move"), [*((cut, True) for cut in CUTS), *((cut, False) for cut in WITHOUT_MOVE)])
def test_a_connection_that_ends_anywhere_loses_no_mail_and_stores_none_twice(mailbox, cut, can_move):  # noqa: F811
    mails = [plain(f"Mail {number}", extra=f"X-Number: {number}\n") for number in range(4)]
    mails = [mail.replace(b"<p@", b"<%d@" % number) for number, mail in enumerate(mails)]
    mailbox.deliver(*mails)
    mailbox.can_move, mailbox.cut = can_move, [cut]

    with pytest.raises(MailboxUnavailable):
        fetch_mails(NOW)
    assert mailbox.cut == []
    assert "timed out" not in MailFetch.objects.get().problem  # it has ended: nobody waits for more
    fetch_mails(NOW)

    assert sorted(stored()) == sorted(mails)
    assert mailbox.held() == []
    assert set(mailbox.held("Processed")) == set(mails)


def test_the_task_goes_on_when_the_mailbox_is_back(mailbox, settings):  # noqa: F811
    mailbox.deliver(FIRST)
    mailbox.broken = "LOGIN"
    read_mailbox()
    since = MailFetch.objects.get().failing_since
    read_mailbox()
    assert MailFetch.objects.get().failing_since == since

    mailbox.broken = ""
    read_mailbox()

    row = MailFetch.objects.get()
    assert (row.failing_since, row.problem) == (None, "")
    assert row.looked_at <= timezone.now()
    assert stored() == [FIRST]


@pytest.mark.parametrize("url", ["", "pipe:"])
def test_without_a_mailbox_there_is_nothing_to_do(settings, url):
    settings.MAILBOX_URL = url

    assert parse_mailbox_url(url) is None
    assert fetch_mails(NOW) == 0
    assert not MailFetch.objects.exists()


def test_a_url_says_where_the_mailbox_is():
    assert parse_mailbox_url("imaps://a%40b:p%3Aw@mail.example.org/INBOX%2FBounces?done=Old") == MailboxConfig(
        "imaps", "mail.example.org", 993, "a@b", "p:w", "INBOX/Bounces", "Old"
    )
    assert parse_mailbox_url("imap://a:b@mail.example.org").port == 143


@pytest.mark.parametrize(
    "url",
    [
        *("pop3://a:b@mail.example.org", "imaps://mail.example.org", "imaps:", "bounces", "pipe"),
        *("imaps://a@mail.example.org", "imaps://a:b@mail.example.org:x"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_without_saying_it(url):
    with pytest.raises(ImproperlyConfigured, match=r"^MAILBOX_URL must be like imaps://user:password@host/INBOX$"):
        parse_mailbox_url(url)
