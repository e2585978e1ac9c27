"""Mails as mail servers, receivers and readers write them, made for the tests."""

from newsletter.delivery.letter.compiled import message_id_maker, return_path_maker

GONE = "smtp; 550 5.1.1 <a@example.org>: Recipient address rejected: User unknown"
FULL = "smtp; 552 5.2.2 <a@example.org>: Mailbox full"
BLOCKED = "smtp; 554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"


def verp(mailing, seq):
    """Return the envelope sender of a copy."""
    return return_path_maker(mailing)(seq)


def message_id(mailing, seq):
    return message_id_maker(mailing)(seq).decode()


def returned(message_id="<lost@news.example.org>", extra=""):
    """Return the fields of a copy, as a report brings them back."""
    return f"From: news@news.example.org\nSubject: Issue 7\nMessage-ID: {message_id}\n{extra}"


def dsn(
    to="bounces@news.example.org",
    *,
    recipient="a@example.org",
    words=GONE,
    status="5.1.1",
    action="failed",
    about=None,
    name="<1@mx.example.org>",
    date="Wed, 04 Nov 2026 00:00:00 +0000",
):
    """Return a report that follows RFC 3464."""
    diagnostic = f"Diagnostic-Code: {words}\n" if words else ""
    return f"""Return-Path: <>
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: {date}
Message-ID: {name}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.org.

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
{diagnostic}
--x
Content-Type: text/rfc822-headers

{about or returned()}
--x--
""".encode()


def complaint(about, *, recipient="a@example.org", kind="abuse", to="complaints@news.example.org"):
    """Return a report that follows RFC 5965."""
    named = f"Original-Rcpt-To: <{recipient}>\n" if recipient else ""
    return f"""From: feedback@receiver.example
To: {to}
Subject: complaint
Date: Wed, 04 Nov 2026 00:00:00 +0000
Message-ID: <fbl@receiver.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="x"

--x
Content-Type: text/plain

This is an email abuse report.

--x
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Receiver/1.0
Version: 1
{named}
--x
Content-Type: message/rfc822

{about}

Hello.
--x--
""".encode()


def plain(text, *, to="news@news.example.org", subject="Re: Issue 7", extra="", sender="a@example.org"):
    """Return a mail without parts."""
    return f"""From: {sender}
To: {to}
Subject: {subject}
Date: Wed, 04 Nov 2026 00:00:00 +0000
Message-ID: <p@example.org>
{extra}Content-Type: text/plain; charset=utf-8

{text}
""".encode()
