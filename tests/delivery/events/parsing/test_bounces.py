"""What receivers say, in their own words, and what each sentence is worth: said.txt has them with their sources."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.delivery.events.parsed import BounceType, EventKind, MessageKind
from newsletter.delivery.events.parsing import bounces
from newsletter.delivery.events.parsing.inbound_mail import parse_mail
from tests.delivery.events.mails import dsn, plain, returned

AT = datetime(2026, 11, 4, 12, tzinfo=UTC)
HARD, SOFT, POLICY = BounceType.HARD, BounceType.SOFT, BounceType.POLICY
LINES = (Path(__file__).parent / "said.txt").read_text().splitlines()
SAID = [line.split(" ", 1) for line in LINES if line and not line.startswith("#")]
STATUS = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")


def as_report(words):
    """Return a report with these words, and with the code in them where they have one, as Postfix writes it."""
    found = STATUS.search(words)
    generic = f"{words[0]}.0.0" if words[0] in "45" else "5.0.0"
    return dsn(words=f"smtp; {words}", status=found[0] if found else generic)


def as_prose(words):
    """Return a bounce without a report, as qmail writes it."""
    begin = "Hi. I'm afraid I wasn't able to deliver your message.\n\n<a@example.org>:\n"
    text = f"{begin}{words}\n\n--- Below this line is a copy of the message.\n\nReceived: by a.example\n"
    return plain(text, sender="MAILER-DAEMON@mx.example.org", subject="failure notice", extra="Return-Path: <>\n")


def verdict_of(body):
    facts = parse_mail(body, [], AT).events
    return str(facts[0].bounce_type) if facts else "none"


def test_what_receivers_say_is_understood():
    wrong = [(want, got, words) for want, words in SAID if (got := verdict_of(as_report(words))) not in want.split("/")]

    assert len(SAID) > 700
    assert len(wrong) <= 0.03 * len(SAID), wrong


@pytest.mark.exhaustive
def test_the_same_words_are_understood_without_a_report():
    told = [(want, verdict_of(as_prose(words)), words) for want, words in SAID]
    wrong = [(want, got, words) for want, got, words in told if got not in want.split("/")]

    assert len(wrong) <= 0.03 * len(SAID), wrong
    assert "hard" not in {got for _want, got, _words in wrong}


def test_no_form_of_words_makes_an_address_dead_that_is_not():
    forms = (as_report(words) for want, words in SAID if "hard" not in want)

    assert [verdict_of(body) for body in forms].count("hard") == 0


def test_a_final_code_counts_more_than_the_form_around_it():
    footer = "This mail was scanned for viruses and potentially offensive content."

    assert bounces.classify_bounce(["", footer], "5.1.1") == HARD
    assert bounces.classify_bounce(["smtp; 554 virus found", footer], "5.1.1") == POLICY


@pytest.mark.parametrize(
    "at",
    [
        "(in reply to MAIL FROM command)",
        "(in reply to EHLO command)",
        "SMTP error from remote mail server after MAIL FROM:<b@example.org>:",
        "SMTP error from remote mail server after initial connection:",
    ],
)
def test_who_is_refused_before_a_recipient_was_named_is_the_sender(at):
    assert (
        bounces.classify_bounce(["553 mail.example.org does not exist", f"host mx said: 553 mail.example.org {at}"])
        == POLICY
    )
    assert bounces.classify_bounce(["550 Action not taken", f"host mx said: 550 Action not taken {at}"]) == POLICY
    assert bounces.classify_bounce(["451 Try again later", f"host mx said: 451 Try again later {at}"]) == SOFT


@pytest.mark.parametrize("words", ["UserUnknown", "BAD_RECIPIENT", "550 RESOLVER.ADR.RecipientNotFound"])
def test_words_that_are_written_together_are_words(words):
    assert bounces.classify_bounce([words]) == HARD


def test_reading_a_long_reply_takes_no_time():
    assert bounces.classify_bounce(["550 " + "user is not a member of " * 50_000]) == HARD


# --- Forms of reports ---


def test_the_words_behind_a_status_are_read_where_there_are_no_others():
    reading = parse_mail(dsn(words="", status="5.0.0 (recipient reached disk quota)"), [], AT)

    assert reading.events[0].bounce_type == SOFT
    assert reading.events[0].diagnostic == "recipient reached disk quota"


@pytest.mark.parametrize("action", ["failed", "failure", "expired", "error", "failed (gave up)"])
def test_servers_call_a_failure_by_several_names(action):
    reading = parse_mail(dsn(words="smtp; connection timed out", status="", action=action), [], AT)

    assert (reading.kind, reading.events[0].bounce_type) == (MessageKind.BOUNCE, SOFT)


def test_fields_of_a_recipient_beside_those_of_the_mail_are_no_second_recipient():
    body = dsn().replace(b"Reporting-MTA: dns; mx.example.org", b"Reporting-MTA: dns; mx.example.org\nAction: failed")

    assert [fact.reference.recipient for fact in parse_mail(body, [], AT).events] == ["a@example.org"]


ADVICE = "收件方地址不存在，或暂时不可用，导致邮件被系统退回。\n\n请检查输入的收件方地址是否有误。"


def test_the_reply_of_a_server_counts_more_than_what_is_said_around_it():
    reply = 'the mta server of qq.com -- mx3.qq.com(192.0.2.7) reply:550 The "From" header is missing or invalid.'

    to = "bounces+" + "1" * 18 + "@news.example.org"
    body = plain(f"{ADVICE}\n\n{reply}\n", to=to, sender="postmaster@mx.example", subject="系统退信")
    reading = parse_mail(body, [], AT)

    assert [fact.bounce_type for fact in reading.events] == [POLICY]


def test_words_that_stand_below_an_address_on_a_line_of_its_own_are_about_it():
    text = "收件人 a@example.org\n     \n  退信原因：\n   您发送的邮件被怀疑为是垃圾邮件，拒绝接收。\n"

    reading = parse_mail(plain(text, sender="postmaster@mx.example", subject="系统退信"), [], AT)

    assert [(fact.reference.recipient, fact.bounce_type) for fact in reading.events] == [("a@example.org", POLICY)]


@pytest.mark.parametrize(
    "words",
    [
        "550 Sender is not in the recipient's whitelist",
        "450 The recipient only accepts mail from approved senders",
        "554 寄件者不在白名單中",
    ],
)
def test_a_mailbox_for_known_senders_takes_mail_and_never_counts_against_its_reader(words):
    assert [verdict_of(as_report(words)), verdict_of(as_prose(words))] == ["policy", "policy"]


def with_returned(text, **fields):
    """Return a mail of two parts: a text, and the mail that it returns."""
    head = plain("", extra='MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n', **fields)
    head = head.replace(b"Content-Type: text/plain; charset=utf-8\n\n", b"").rstrip()
    parts = f"\n\n--x\n\n{text}\n\n--x\nContent-Type: message/rfc822\n\n{returned()}\nHello\n--x--\n"
    return head + parts.encode()


def test_a_mail_that_says_so_and_returns_the_copy_is_a_bounce_whoever_writes_it():
    text = "A message could not be delivered. One or more of the recipients are not a valid user of the system."

    reading = parse_mail(with_returned(text, subject="Mail delivery failed", sender="ndr@some.example"), [], AT)

    assert (reading.kind, reading.events[0].bounce_type) == (MessageKind.BOUNCE, HARD)


@pytest.mark.parametrize("subject", ["Fwd: Mail delivery failed", "Re: Mail delivery failed", "What is this?"])
def test_a_person_who_attaches_the_letter_writes_no_bounce(subject):
    reading = parse_mail(with_returned("It could not be delivered, user unknown", subject=subject), [], AT)

    assert (reading.kind, reading.events) == (MessageKind.REPLY, ())


def test_a_warning_about_an_unknown_user_is_final_and_one_about_a_delay_is_not():
    def warned(text, subject):
        return parse_mail(plain(text, sender="MAILER-DAEMON@mx.example.org", subject=subject), [], AT).kind

    unknown = "a@example.org - no such user here.\n\n--- Original message follows\n\nReceived: by a"

    assert warned(unknown, "Warning: a@example.org - User unknown! Undeliverable") == MessageKind.BOUNCE
    assert warned("a@example.org: not yet", "Warning: message delayed, delivery problem") == MessageKind.NOTICE


def test_microsofts_junk_reports_are_complaints_of_the_address_that_it_names():
    body = with_returned("", subject="complaint about message from 192.0.2.1", sender="staff@hotmail.com")
    body = body.replace(b"\n\nFrom: news@", b"\n\nX-HmXmrOriginalRecipient: <a@hotmail.com>\nFrom: news@")

    reading = parse_mail(body, [], AT)

    assert reading.kind == MessageKind.COMPLAINT
    assert [(fact.kind, fact.reference.recipient) for fact in reading.events] == [
        (EventKind.COMPLAINED, "a@hotmail.com")
    ]
