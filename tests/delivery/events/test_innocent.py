"""Nobody is suppressed by a mail that is no bounce of a copy of theirs, whoever writes it and whatever it quotes."""

from datetime import timedelta

import pytest

from newsletter.delivery.events import applying
from newsletter.delivery.models import Delivery, Event, InboundMessage
from subscribers.models import Consent, Subscriber, Suppression
from tests.delivery.conftest import NOW, begin_mailing, make_seventh_issue
from tests.delivery.events.conftest import seq_of
from tests.delivery.events.mails import complaint, dsn, message_id, plain, returned, verp
from tests.factories import make_publication, make_subscriber

DAY = timedelta(days=1)
What = InboundMessage.Kind
SAID = "550 5.1.1 <a@example.org>: Recipient address rejected: User unknown"
BOUNCE = f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\n\n<a@example.org>: {SAID}"

pytestmark = pytest.mark.django_db


def write():
    """A mailing to a@ and b@example.org, whose copies were handed over yesterday."""
    make_publication(sender_email="news@news.example.org", bounces_to="bounces@news.example.org")
    mailing = begin_mailing(make_seventh_issue(), "ab")
    Subscriber.objects.update(created_at=NOW - 900 * DAY)
    mailing.deliveries.update(state=Delivery.State.SENT, sent_at=NOW, attempts=1)
    mailing.batches.update(sent=2, state="done")
    return mailing


def receive(body, at=NOW + DAY):
    InboundMessage.objects.store(InboundMessage.MAIL, body, at, about={"to": []})
    applying.apply_waiting(at, 1)
    return InboundMessage.objects.get()


def nobody_is_barred():
    """Return whether no reader was suppressed or has left, and nothing counts against one."""
    against = Event.objects.filter(verdict__in=["hard", "soft"]).exclude(address_hash="")
    has_left = Consent.objects.filter(kind="withdrew").exists()
    return not Suppression.objects.exists() and not has_left and not against.exists()


def forwarded(report, *, subject, kind="message/delivery-status", sender="b@example.org"):
    """Return a person's mail with the parts of a report as its files, as Apple Mail and Outlook forward one."""
    return f"""Return-Path: <{sender}>
From: {sender}
To: news@news.example.org
Subject: {subject}
Message-ID: <forwarded@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="f"

--f
Content-Type: text/plain; charset=utf-8

My club's list got this back. Do you know what it means?

> {SAID}
--f
Content-Type: {kind}

{report}
--f--
""".encode()


FIELDS = f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.1.1\n{'':1}"
QUOTED = f"Look:\n\n-----Original Message-----\n{BOUNCE}\n"

PEOPLE = {
    "quotes an address": plain(f"Is this mine? {SAID}"),
    "quotes a whole bounce": plain(QUOTED, subject="What is this?", sender="b@example.org"),
    "forwards the parts": forwarded(FIELDS, subject="Fwd: Undelivered Mail Returned to Sender"),
    "forwards the parts, in Chinese": forwarded(FIELDS, subject="轉寄: 退信通知"),
    "forwards the parts under a name of their own": forwarded(FIELDS, subject="a question"),
    "forwards the parts with a subject in brackets": forwarded(
        FIELDS, subject="[Fwd: Undelivered Mail Returned to Sender]"
    ),
    "forwards the parts, in French": forwarded(FIELDS, subject="Tr : Undelivered Mail Returned to Sender"),
    "forwards the parts under the subject of the bounce": forwarded(FIELDS, subject="Undelivered Mail"),
    "attaches a bounce": forwarded(dsn().decode(), subject="Fwd: failure notice", kind="message/rfc822"),
    "is the postmaster of a small house": plain(
        f"Error: your link is broken.\n{SAID}", subject="Re: Issue 7", sender="postmaster@example.org"
    ),
    "is a postmaster and writes of a delivery": plain(
        f"Issue 7 came twice to a@example.org. Could you look? We saw {SAID} before.",
        subject="Delivery problem with your newsletter",
        sender="postmaster@example.org",
        extra="Return-Path: <postmaster@example.org>\n",
    ),
    "answers below a quote": plain(f"> {SAID}\n\nSorry, that was my old address.", subject="RE: 退信"),
}


@pytest.mark.parametrize("body", PEOPLE.values(), ids=PEOPLE)
def test_a_person_who_writes_of_a_bounce_bars_nobody(mailing, body):
    arrival = receive(body)

    assert nobody_is_barred()
    assert arrival.what == What.REPLY


AWAY = "Return-Path: <>\nAuto-Submitted: auto-replied\n"
BARE = "Return-Path: <>\n"  # of a program that says nothing else of itself
MACHINES = {
    "away, in Chinese": ("自動回覆: 第七期", "我休假到週一，急事請找 a@example.org。", AWAY),
    "away, in simplified Chinese": ("自动回复：第七期", f"我已离职，邮箱即将停用。{SAID}", BARE),
    "away, in Japanese": ("不在通知", f"休暇中です。\n\n-----Original Message-----\n{SAID}", BARE),
    "away, in German": ("Abwesenheitsnotiz: Ausgabe 7", f"Ich bin im Urlaub.\n\n{SAID}", BARE),
    "away, with the letter below": ("Automatic reply: Issue 7", f"{SAID}\n\n-----Original Message-----\nTo: a", BARE),
    "away, with a code in the text": ("Re: Issue 7", f"I am away.\n{SAID}", AWAY),
    "a ticket": ("[Ticket#550511] Issue 7", f"We have received your message.\n\n{SAID}", AWAY),
    "a challenge": ("Please confirm your message", f"I accept mail only from senders I know. {SAID}", BARE),
}


@pytest.mark.parametrize(("subject", "text", "extra"), MACHINES.values(), ids=MACHINES)
def test_what_a_machine_answers_bars_nobody(mailing, subject, text, extra):
    arrival = receive(plain(text, subject=subject, extra=extra))

    assert nobody_is_barred()
    assert arrival.what == What.AUTO_REPLY


def test_a_list_that_quotes_a_bounce_bars_nobody(mailing):
    extra = "List-Id: <club.example.net>\nPrecedence: bulk\nReturn-Path: <club-bounces@example.net>\n"

    arrival = receive(plain(QUOTED, subject="[club] failure notice", sender="c@example.net", extra=extra))

    assert nobody_is_barred()
    assert arrival.what == What.NOTICE


WORM = (
    "This mail was generated automatically.\n\nOccured_Errors:\n# 335: This_account_has_been_disabled\n# 506: MAILBOX"
)
PROGRAMS = {
    "a worm that plays a bounce": (
        "Mail delivery_failed",
        f"{WORM} NOT FOUND a@example.org",
        "From: info@example.net\nReturn-Path: <info@example.net>\n",
    ),
    "our own mailbox": (
        "Your mailbox is almost full.",
        "98 MB of 100 MB. When it is full, mail is returned.",
        f"From: MicrosoftExchange329e71ec@example.net\n{BARE}",
    ),
    "a site's notice": (
        "[club/site] Undelivered Mail Returned to Sender (#447)",
        f"We get this:\n\n<a@example.org>: {SAID}\n\n----- This is a copy of the message -----\nTo: a@example.org\n",
        "From: c <notifications@site.example>\nReturn-Path: <noreply@site.example>\nPrecedence: list\n",
    ),
    "another list's bounce": (
        "ezmlm warning",
        f"Messages to you seem to have been bouncing.\n\n--- Enclosed is a copy of the bounce.\n\n{BOUNCE}",
        "From: club-help@example.net\nReturn-Path: <club-return@example.net>\nPrecedence: bulk\n",
    ),
}


@pytest.mark.parametrize(("subject", "text", "head"), PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_that_speaks_of_other_bounces_bars_nobody(mailing, subject, text, head):
    body = plain(text, subject=subject).decode().replace("From: a@example.org\n", head, 1)

    arrival = receive(body.encode())

    assert nobody_is_barred()
    assert not Event.objects.filter(kind="bounced").exists()
    assert arrival.what in {What.NOTICE, What.REPLY}


@pytest.mark.parametrize("name", ["signed address", "signed Message-ID"])
def test_a_bounce_of_a_copy_of_months_ago_is_a_replay_and_changes_nothing(mailing, name):
    seq = seq_of(mailing)
    signed = {
        "signed address": dsn(verp(mailing, seq)),
        "signed Message-ID": dsn(about=returned(message_id(mailing, seq))),
    }
    mailing.deliveries.update(sent_at=NOW - 60 * DAY)

    arrival = receive(signed[name])

    assert nobody_is_barred()
    assert not Event.objects.exists()
    assert (arrival.what, arrival.note) == (What.BOUNCE, "about a copy that was sent more than 30 days ago")


def test_a_server_that_has_tried_for_weeks_is_believed(mailing):
    mailing.deliveries.update(sent_at=NOW - 20 * DAY)

    receive(dsn(verp(mailing, seq_of(mailing))))

    assert Suppression.objects.get().email == "a@example.org"


def test_a_complaint_about_an_old_letter_is_a_complaint(mailing):
    mailing.deliveries.update(sent_at=NOW - 60 * DAY)

    receive(complaint(returned(message_id(mailing, seq_of(mailing))), recipient=""))

    assert Suppression.objects.get().reason == "complained"


NAMELESS = {
    "a report about an address that got nothing": dsn(recipient="z@example.org"),
    "a complaint of an address that got nothing": complaint(returned(), recipient="z@example.org"),
    "a complaint that names nobody": complaint(returned(), recipient=""),
    "a junk report of an address that got nothing": plain(
        "Hello.", sender="news@news.example.org", extra="X-HmXmrOriginalRecipient: <z@example.org>\n"
    ),
}


@pytest.mark.parametrize("body", NAMELESS.values(), ids=NAMELESS)
def test_a_report_without_a_signature_about_who_got_nothing_bars_nobody(mailing, body):
    make_subscriber("z@example.org", created_at=NOW - 90 * DAY)

    receive(body)

    assert nobody_is_barred()
