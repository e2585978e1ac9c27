"""What a mail is, and what a bounce says of its address: mails of our own, in the forms that servers write."""

import random
from base64 import b64encode
from datetime import UTC, datetime

import pytest

from benchmarks.mail_reading import made
from newsletter.delivery.events.parsed import BounceType, EventKind, MessageKind
from newsletter.delivery.events.parsing.inbound_mail import parse_mail
from tests.delivery.conftest import NOW
from tests.delivery.events.mails import BLOCKED, FULL, GONE, complaint, dsn, plain, returned
from tests.support.cpu import is_within

AT = datetime(2026, 11, 4, 12, tzinfo=UTC)
HARD, SOFT, POLICY = BounceType.HARD, BounceType.SOFT, BounceType.POLICY
DAEMON = "MAILER-DAEMON@mx.example.org"
ORIGINAL = (
    "\n\n------ This is a copy of the message, including all the headers. ------\n\nReceived: by a.example\nTo: a@b.c\n"
)


MIMECAST = """-- a@example.org

The problem appears to be :
-- Recipient email address is possibly incorrect

Additional information follows :
-- 5.7.1 Service unavailable [x]"""


def read(body, *to):
    return parse_mail(body, list(to), AT)


def bounced(text, *, subject="Undelivered Mail Returned to Sender", sender=DAEMON, extra="Return-Path: <>\n"):
    return read(plain(text + ORIGINAL, to="bounces@news.example.org", subject=subject, sender=sender, extra=extra))


def said(reading):
    return [(fact.reference.recipient, fact.bounce_type) for fact in reading.events]


# --- Reports that follow the standard ---


@pytest.mark.parametrize(
    ("words", "status", "verdict"),
    [
        (GONE, "5.1.1", HARD),
        ("smtp; 550 5.2.1 <a@example.org>... User Unknown", "5.2.1", HARD),
        ("smtp; 550 5.1.2 bad destination host: no such domain", "5.1.2", HARD),
        ("smtp; 556 5.1.10 a@example.org: Null MX", "5.1.10", HARD),
        ("", "5.1.1", HARD),
        ("smtp; 525 5.7.13 Disabled recipient address", "5.7.13", HARD),
        (FULL, "5.2.2", SOFT),
        ("smtp; 550 5.1.1 mailbox is full", "5.1.1", SOFT),
        ("smtp; 421 4.4.2 connection timed out", "4.4.2", SOFT),
        ("smtp; 554 5.4.6 Too many hops", "5.4.6", SOFT),
        ("X-Unix; 255", "5.0.0", SOFT),
        ("smtp; 550 5.7.1 User temporarily locked. Please try again later", "5.7.1", SOFT),
        ("", "4.4.7", SOFT),
        ("smtp; DNS Error: lookup of example.org responded with code NXDOMAIN", "4.0.0", SOFT),
        ("smtp; DNS Error: lookup of example.org responded with code NXDOMAIN", "5.1.2", HARD),
        ("smtp; 450 4.1.1 user unknown", "4.1.1", HARD),
        ("smtp; 554 5.7.1 You've reached your daily relay quota", "5.7.1", POLICY),
        (BLOCKED, "5.7.1", POLICY),
        ("smtp; 550-5.7.26 Unauthenticated email from news.example.org is not accepted", "5.7.26", POLICY),
        ("smtp; 450 4.7.1 Client host rejected: cannot find your reverse hostname", "4.7.1", POLICY),
        ("smtp; 553 5.1.8 Sender address rejected: Domain not found", "5.1.8", POLICY),
        ("smtp; 550 5.2.0 Mail rejected", "5.2.0", POLICY),
        ("smtp; 552 5.3.4 message size exceeds the limit", "5.3.4", POLICY),
        ("smtp; 421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to complaints", "4.7.0", POLICY),
        ("", "5.7.509", POLICY),
        ("smtp; 5.7.1 Service unavailable", "5.1.1", POLICY),
    ],
)
def test_a_report_says_by_its_words_and_codes_what_its_address_is_worth(words, status, verdict):
    reading = read(dsn(words=words, status=status))

    assert reading.kind == MessageKind.BOUNCE
    assert said(reading) == [("a@example.org", verdict)]
    assert reading.events[0].kind == EventKind.BOUNCED


def test_each_recipient_of_a_report_has_words_of_its_own():
    second = (
        "\nFinal-Recipient: rfc822; b@example.org\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 full\n"
    )
    body = dsn().replace(b"\n--x\nContent-Type: text/rfc822-headers", second.encode() + b"\n--x\nContent-Type: text/x")

    assert said(read(body)) == [("a@example.org", HARD), ("b@example.org", SOFT)]


def test_the_address_that_was_mailed_comes_before_the_one_that_it_was_forwarded_to():
    body = dsn(recipient="b@elsewhere.example").replace(
        b"Action:", b"Original-Recipient: rfc822;a@example.org\nAction:"
    )

    assert said(read(body)) == [("a@example.org", HARD)]


def test_a_report_whose_parts_are_broken_is_read_by_its_fields():
    assert said(read(dsn().replace(b'boundary="x"', b'boundary="y"'))) == [("a@example.org", HARD)]


def test_where_a_server_gives_no_words_its_code_is_kept():
    body = dsn(words="").replace(b"This is the mail system at host mx.example.org.", b"  <a@example.org>")

    assert [fact.diagnostic for fact in read(body).events] == ["5.1.1"]


def test_a_report_without_a_mail_around_it_is_one():
    fields = (
        b"Final-Recipient: RFC822; <a@example.org>\nAction: failed\nStatus: 4.2.2\nContent-Transfer-Encoding: 7bit\n"
    )
    body = b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n" + fields

    assert said(read(body)) == [("a@example.org", SOFT)]


def test_what_is_only_late_is_no_bounce():
    reading = read(dsn(action="delayed", status="4.7.1", words="smtp; 421 4.7.0 too many complaints"))

    assert reading.kind == MessageKind.NOTICE
    assert [(fact.kind, fact.bounce_type) for fact in reading.events] == [(EventKind.DEFERRED, POLICY)]


def test_nothing_that_is_only_late_calls_an_address_dead():
    reading = read(dsn(action="delayed", status="4.1.1", words="smtp; 450 4.1.1 user unknown"))

    assert [fact.bounce_type for fact in reading.events] == [SOFT]


def test_what_was_delivered_is_told_as_that():
    reading = read(dsn(action="delivered", status="2.0.0", words="smtp; 250 ok"))

    assert (reading.kind, reading.events[0].kind, reading.events[0].bounce_type) == (
        MessageKind.NOTICE,
        EventKind.DELIVERED,
        None,
    )


def test_the_copy_is_named_by_tokens_and_message_ids_wherever_they_stand():
    token, other = "1" * 18, "2" * 18
    about = returned("<issue.1.2.abc@x>", f"List-Unsubscribe: <https://x/unsubscribe/{other}/>")

    names = read(dsn(f"Bounces <bounces+{token}@x.example>", about=about)).events[0].reference

    assert names.tokens == (token, other)
    assert names.message_ids == ("<issue.1.2.abc@x>",)


def test_the_envelope_comes_before_what_the_mail_says_of_itself():
    reading = read(dsn("bounces+" + "1" * 18 + "@x.example"), "bounces+" + "2" * 18 + "@x.example")

    assert reading.events[0].reference.tokens == ("2" * 18, "1" * 18)


@pytest.mark.parametrize("date", ["Wed, 04 Nov 2099 00:00:00 +0000", "Wed, 04 Nov 1999 00:00:00 +0000", "yesterday"])
def test_a_date_that_cannot_be_is_not_believed(date):
    assert read(dsn(date=date)).events[0].at == AT


# --- Reports that follow nothing ---


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('The following address(es) failed:\n\n  a@example.org\n    unrouteable mail domain "example.org"', HARD),
        ("<a@example.org>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 User Unknown", HARD),
        ("<a@example.org>:\nSorry, I couldn't find any host named example.org. (#5.1.2)", HARD),
        ("did not reach the following recipient(s):\n\na@example.org on Wed\n    The name is not recognized", HARD),
        ("宛先が見つかりません\n\na@example.org", HARD),
        ("收件人不存在：a@example.org", HARD),
        ("User mailbox exceeds allowed size: a@example.org", SOFT),
        (
            "送信先のメールボックスが一杯のため、送信できませんでした。\nCould not be delivered to: <a@example.org>",
            SOFT,
        ),
        ("<a@example.org>:\nI'm not going to try again; this message has been in the queue too long.", SOFT),
        ("a@example.org\n    host mx said: 554 5.7.1 Message rejected as spam by Content Filtering.", POLICY),
        ("a@example.org\n    host mx refused to talk to me: 554 your IP is listed at zen.spamhaus.org", POLICY),
        (MIMECAST, POLICY),
    ],
)
def test_a_bounce_without_a_report_is_read_by_the_words_beside_the_address(text, verdict):
    reading = bounced(text)

    assert reading.kind == MessageKind.BOUNCE
    assert said(reading) == [("a@example.org", verdict)]


def test_whom_qmail_names_is_on_a_line_of_its_own():
    text = (
        "Hi. This is qmail.\n(Please contact us at <help@example.org> for assistance)\n\n<a@example.org>:\nOver quota"
    )

    assert said(bounced(text, subject="failure notice")) == [("a@example.org", SOFT)]


def test_two_addresses_in_one_text_are_told_apart():
    reading = bounced("a@example.org: 550 5.2.2 Mailbox Full\n\nb@example.org: 550 5.1.1 User Unknown")

    assert said(reading) == [("a@example.org", SOFT), ("b@example.org", HARD)]


def test_a_server_that_still_tries_is_told_by_its_words_too():
    reading = bounced(
        "a@example.org\n    450 greylisted\n\nNo action is required on your part.", subject="Warning: message delayed"
    )

    assert reading.kind == MessageKind.NOTICE
    assert [fact.kind for fact in reading.events] == [EventKind.DEFERRED]


def test_an_address_within_the_reply_of_a_server_is_no_second_recipient():
    reading = bounced("<a@example.org>: host mx.example.org said: 550 5.2.1\n    <b@example.org>... Addressee unknown")

    assert said(reading) == [("a@example.org", HARD)]


def test_what_stands_below_a_wide_rule_is_the_returned_mail():
    refused = ": 550 5.1.1 No such user\n"

    reading = bounced(f"<a@example.org>{refused}{'-' * 190} Original message\n<b@example.org>{refused}")

    assert said(reading) == [("a@example.org", HARD)]


SHAPES = [
    ("bounce", "newlines"),
    ("bounce", "addresses"),
    ("person in fields", "fields"),
    ("person", "long rules"),
    ("parts", "parts"),
    ("files", "nested parts"),
    ("report", "recipients"),
    ("text report", "blocks"),
    ("person in fields", "tokens"),
]


@pytest.mark.parametrize(("head", "unit"), SHAPES)
def test_two_megabytes_of_whatever_shape_are_read_within_two_seconds(head, unit):
    body = made(head, unit, 2_000_000, random.Random(7))

    assert is_within(2, lambda: read(body, "bounces@news.example.org"))


def test_a_text_in_which_every_line_could_begin_the_letter_is_read_in_linear_time():
    text = "-- copy of\n" * 20_000

    assert is_within(2, lambda: bounced(text))


def test_a_server_that_will_try_again_has_not_given_up():
    text = (
        "This is a temporary error. The following address(es) deferred:\n\n  a@example.org\n    Domain example.org has"
    )
    reading = bounced(f"{text} exceeded the max emails per hour.  Message will be reattempted later\n")

    assert [(fact.kind, fact.reference.recipient) for fact in reading.events] == [(EventKind.DEFERRED, "a@example.org")]


# --- What is no bounce ---

QUOTED = "Look what I got:\n\n> 550 5.1.1 <a@example.org>: User unknown\n> a@example.org"


@pytest.mark.parametrize(
    "body",
    [
        plain("I like it."),
        plain(QUOTED),
        plain(QUOTED, subject="Fwd: Undelivered Mail Returned to Sender"),
        plain(QUOTED, subject="Re: 退信"),
        plain("My mailbox is full of letters that I do not read. user unknown", subject="About your delivery report"),
        plain("550 5.1.1 User unknown", subject="What does this mean?"),
    ],
)
def test_people_who_write_of_bounces_write_none(body):
    reading = read(body)

    assert (reading.kind, reading.events) == (MessageKind.REPLY, ())


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (plain("I am away until Monday.", extra="Auto-Submitted: auto-replied\n"), MessageKind.AUTO_REPLY),
        (plain("I am away.", extra="X-Autoreply: yes\n"), MessageKind.AUTO_REPLY),
        (plain("I am away.", extra="Precedence: auto_reply\n"), MessageKind.AUTO_REPLY),
        (plain("…", subject="Automatic reply: Issue 7"), MessageKind.AUTO_REPLY),
        (plain("…", subject="=?utf-8?b?6Ieq5YuV5Zue6KaG?="), MessageKind.AUTO_REPLY),
        (plain("I am away.", subject="Anna Chen is out of the office."), MessageKind.AUTO_REPLY),
        (plain("We look whether it is spam.", extra="Return-Path: <>\n"), MessageKind.AUTO_REPLY),
        (
            plain("All is well.", sender=DAEMON, subject="Postfix SMTP server: errors from localhost"),
            MessageKind.NOTICE,
        ),
        (
            plain("It failed: a@example.org", sender="no-reply@shop.example", subject="Delivery failed"),
            MessageKind.NOTICE,
        ),
        (b"", MessageKind.REPLY),
        (b"From nobody\nSubject: x\n\ny", MessageKind.REPLY),
        (b"\x00" * 50, MessageKind.REPLY),
    ],
)
def test_everything_else_is_told_apart(body, what):
    reading = read(body)

    assert (reading.kind, [fact.bounce_type for fact in reading.events]) == (what, [None] * len(reading.events))
    is_of_a_machine = what == MessageKind.AUTO_REPLY
    assert [fact.kind for fact in reading.events] == [EventKind.AUTORESPONDED] * is_of_a_machine


def receipt(disposition, *, sender="a@example.org", subject="Read: Issue 7", words="It was read. 550 5.1.1 unknown"):
    """Return what a program of a reader tells of a mail, after RFC 8098."""
    return f"""Return-Path: <>
From: {sender}
To: news@news.example.org
Subject: {subject}
Date: Wed, 04 Nov 2026 00:00:00 +0000
In-Reply-To: <issue.1.2.abc@x>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="x"

--x
Content-Type: text/plain

{words}

--x
Content-Type: message/disposition-notification

Final-Recipient: rfc822;a@example.org
Disposition: automatic-action/MDN-sent-automatically; {disposition}

--x--
""".encode()


@pytest.mark.parametrize("sender", ["a@example.org", "postmaster@example.org"])
@pytest.mark.parametrize("disposition", ["displayed", "deleted", "failed"])
def test_a_receipt_says_that_its_copy_arrived_and_no_more(disposition, sender):
    reading = read(receipt(disposition, sender=sender))

    assert reading.kind == MessageKind.AUTO_REPLY
    assert [(fact.kind, fact.bounce_type) for fact in reading.events] == [(EventKind.AUTORESPONDED, None)]
    assert reading.events[0].reference.message_ids == ("<issue.1.2.abc@x>",)


def test_a_receipt_by_which_a_server_rejects_is_a_bounce():
    body = receipt(
        "deleted", sender=DAEMON, subject="Automatically rejected mail", words="a@example.org: Quota exceeded"
    )

    assert said(read(body)) == [("a@example.org", SOFT)]


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (
            plain("<a@example.org>: delivered", sender=DAEMON, subject="Successful Mail Delivery Report"),
            "a mail server, about a mail that arrived",
        ),
        (
            plain("Your post waits.", subject="Awaits approval", extra="X-List-Administrivia: yes\n"),
            "a mailing list, or a mail to many",
        ),
        (plain("News for all.", extra="Precedence: bulk\n"), "a mailing list, or a mail to many"),
        (
            plain("A report.").replace(b"text/plain", b"multipart/report; report-type=tlsrpt"),
            "a report about DMARC or TLS",
        ),
    ],
)
def test_what_machines_write_of_other_things_says_nothing_of_an_address(body, note):
    reading = read(body)

    assert (reading.kind, reading.events, reading.note) == (MessageKind.NOTICE, (), note)


def test_a_reply_names_what_it_answers_the_last_first_and_nothing_that_it_quotes():
    body = plain(
        "> List-Unsubscribe: <https://x/unsubscribe/" + "1" * 18 + "/>\n> Message-ID: <issue.9.9.x@y>",
        extra="In-Reply-To: <b@x>\nReferences: <a@x> <b@x>\n",
    )

    names = read(body).delivery_reference

    assert names.tokens == ()
    assert names.message_ids == ("<b@x>", "<a@x>", "<b@x>")


# --- Complaints ---


@pytest.mark.parametrize("kind", ["abuse", "opt-out", "fraud", "virus", "other"])
def test_a_complaint_names_the_copy_and_who_complained(kind):
    reading = read(complaint(returned("<issue.1.2.abc@x>"), kind=kind))

    assert reading.kind == MessageKind.COMPLAINT
    fact = reading.events[0]
    assert (fact.kind, fact.reference.recipient, fact.reference.message_ids) == (
        EventKind.COMPLAINED,
        "a@example.org",
        ("<issue.1.2.abc@x>",),
    )
    assert fact.diagnostic == "This is an email abuse report."


def test_an_address_with_a_name_is_an_address():
    reading = read(complaint(returned(), recipient="a@example.org").replace(b"To: <a@", b"To: a reader <a@"))

    assert [fact.reference.recipient for fact in reading.events] == ["a@example.org"]


def test_a_person_who_quotes_a_complaint_complains_of_nothing():
    quoted = "What is this?\n\nFeedback-Type: abuse\nUser-Agent: Receiver/1.0\nOriginal-Rcpt-To: <a@example.org>"

    assert read(plain(quoted)).kind == MessageKind.REPLY


@pytest.mark.parametrize("kind", ["auth-failure", "not-spam", "dmarc"])
def test_a_report_about_something_else_is_no_complaint(kind):
    reading = read(complaint(returned(), kind=kind))

    assert (reading.kind, reading.events) == (MessageKind.NOTICE, ())
    assert reading.note == f"a report of a receiver: {kind}"


def a_report(about: str) -> bytes:
    head = "From: MAILER-DAEMON@example.net\nTo: n@example.com\nSubject: Undelivered Mail Returned to Sender\n"
    kind = "multipart/report; report-type=delivery-status; boundary=b"
    return f"{head}Content-Type: {kind}\n\n--b\nContent-Type: message/delivery-status\n\n{about}--b--\n".encode()


def of_many(count: int) -> str:
    return "".join(f"Final-Recipient: rfc822; a{number}@b.co\nAction: failed\n\n" for number in range(count))


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(a_report(of_many(1_800)), id="a report"),
        pytest.param(
            b"From: MAILER-DAEMON@example.net\nSubject: failure notice\nX-Failed-Recipients: "
            + b", ".join(b"a%d@b.co" % number for number in range(1_800))
            + b"\n\nThis message could not be delivered.\n",
            id="a field",
        ),
    ],
)
def test_a_report_about_many_says_so_of_the_first_ones_and_takes_no_longer(mail):
    read = parse_mail(mail, [], NOW)

    assert 10 < len(read.events) <= 100
    assert is_within(2, lambda: parse_mail(mail, [], NOW))


# --- Reports about authentication, which no reader writes ---


def encoded(report: bytes) -> bytes:
    """A complaint whose machine-readable part is base64, as 163 sends its DMARC failure reports."""
    head, mark, rest = report.partition(b"Content-Type: message/feedback-report\n\n")
    fields, between, tail = rest.partition(b"\n--x")
    return head + mark[:-1] + b"Content-Transfer-Encoding: base64\n\n" + b64encode(fields) + between + tail


def test_a_failure_report_whose_type_is_encoded_is_no_complaint():
    about = "Message-ID: <1@news.example.org>"

    assert read(encoded(complaint(about, kind="auth-failure"))).kind == MessageKind.NOTICE
    assert read(encoded(complaint(about))).kind == MessageKind.COMPLAINT
    assert read(complaint(about, kind="")).kind == MessageKind.NOTICE


@pytest.mark.parametrize(
    ("subject", "extra"),
    [
        ("Report domain: example.org Submitter: google.com Report-ID: 123", ""),
        ("Report Domain: example.org Submitter: enterprise.protection.outlook.com Report-ID: abc", ""),
        ("[Preview] Report Domain: example.org Submitter: mail.example", ""),
        ("Yesterday", "TLS-Report-Domain: example.org\nTLS-Report-Submitter: mail.example\n"),
    ],
)
def test_a_report_about_dmarc_or_tls_is_no_reply(subject, extra):
    found = read(plain("This is an aggregate report.", subject=subject, extra=extra, sender="reports@mail.example"))

    assert (found.kind, found.note) == (MessageKind.NOTICE, "a report about DMARC or TLS")


@pytest.mark.parametrize(
    ("subject", "text", "sender"),
    [
        ("[自動回信] Re: 第七期", "我在休假。", "a@example.org"),
        ("外出中: 第七期", "十二月回來。", "a@example.org"),
        ("離職通知", "我已離職。", "a@example.org"),
        ("Re: 第七期", "这是来自QQ邮箱的假期自动回复邮件。\n您好", "a@qq.com"),
        ("Re: Issue 7 (Action Required)", "Prove that you are a person.", "a@boxbe.com"),
        ("Verification", "Prove that you are a person.", "b@mail.spamarrest.com"),
    ],
)
def test_a_program_that_answers_is_no_reader(subject, text, sender):
    extra = f"Return-Path: <{sender}>\n"

    assert read(plain(text, subject=subject, sender=sender, extra=extra)).kind == MessageKind.AUTO_REPLY
