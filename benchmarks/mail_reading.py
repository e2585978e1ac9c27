"""How long does the slowest mail take that a stranger can write, of 2 MB at most and of whatever shape?

Each mail is one unit, repeated, below the fields of a bounce, a report, a complaint, a person's mail or an
automatic answer. CPU seconds of reading, the slowest of each shape; the exit code is 1 when one took
longer than 2, or raised.

    uv run --dev python -m benchmarks.mail_reading [--mails 2000] [--octets 2000000]
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from tempfile import TemporaryDirectory

import django

from benchmarks.installation import machine

AT = datetime(2026, 11, 4, 12, tzinfo=UTC)
SECONDS_MAX = 2.0
RETURNED = (
    b"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nTo: bounces@news.example.org\n"
    b"Subject: Undelivered Mail Returned to Sender\nMessage-ID: <1@x>\n"
)
PERSONAL = b"From: a@example.org\nTo: news@news.example.org\nSubject: Re: Issue 7\nMessage-ID: <2@x>\n"
MIXED = b'MIME-Version: 1.0\nContent-Type: multipart/%s; boundary="b"\n\n--b\n'
REPORT = MIXED % b"report; report-type=delivery-status"
HEADS = {
    "bounce": RETURNED + b"\n",
    "bounce in fields": RETURNED,
    "report": RETURNED + REPORT + b"Content-Type: message/delivery-status\n\n",
    "text report": RETURNED + REPORT + b"Content-Type: text/delivery-status\n\n",
    "broken report": RETURNED + MIXED.replace(b'"b"', b'"c"') % b"report; report-type=delivery-status",
    "complaint": PERSONAL
    + MIXED % b"report; report-type=feedback-report"
    + b"Content-Type: message/feedback-report\n\n",
    "parts": RETURNED + REPORT,
    "person": PERSONAL + b"\n",
    "person in fields": PERSONAL,
    "HTML": PERSONAL + b"Content-Type: text/html\n\n",
    "files": PERSONAL + MIXED % b"mixed",
    "answer": PERSONAL.replace(b"Re: ", b"Automatic reply: ") + b"Auto-Submitted: auto-replied\n\n",
    "nothing": b"",
}
UNITS = {
    "newlines": b"\n",
    "carriage returns": b"\r",
    "spaced lines": b" \n",
    "one line": b"a",
    "spaces": b" ",
    "zeros": b"\0",
    "addresses": b"<a@a.b>:\n",
    "addresses in one line": b"a@a.b, ",
    "dots": b"a@a.",
    "tokens": b"To: x+1abcdefghijklmnopqr@y.example\n",
    "Message-IDs": b"Message-ID: <issue.1.2.0123456789abcdef@x>\n",
    "fields": b"X-A: b\n",
    "folded field": b"X-A: b\n c\n",
    "parameters": b"Content-Type: text/plain; a=\"b\"; c*0*=utf-8''d;\n",
    "parts": b"--b\n\n",
    "parts with a name": b"--b\nContent-Type: text/plain; name=a\nContent-Disposition: attachment\n\nx\n",
    "messages": b"--b\nContent-Type: message/rfc822\n\nSubject: a\n\n",
    "nested parts": b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n",
    "nested messages": b"Content-Type: message/rfc822\n\n",
    "deep quotes": b"<blockquote>",
    "tags": b"<a href=x>y</a>\n",
    "open tags": b"<",
    "comments": b"<!--",
    "recipients": b"Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: x\n\n",
    "blocks": b"a:b\n\n",
    "feedback": b"Feedback-Type: abuse\nOriginal-Rcpt-To: a@example.org\n",
    "rules": b"-- copy of\n",
    "long rules": b"-" * 199 + b" " * 60 + b"\n",
    "replies": b"550 5.1.1 <a@example.org> User unknown\n",
    "punycode": b"Subject: =?punycode?q?" + b"a-" * 100 + b"?=\n",
    "encoded words": b"Subject: =?utf-8?q?a?=\n =?utf-8?b?YQ==?=\n",
    "punycode text": b"--b\nContent-Type: text/plain; charset=punycode\n\n" + b"a-" * 500 + b"\n",
    "quoted lines": b"> a\nOn Monday a wrote:\n",
    "introductions": b"a wrote:\n\n",
    "marks": "\u0315\u0316".encode(),
    "escapes": b"\x1b$B\x1b(B",
    "entities": b"&#x41;&amp;",
    "uuencode": b"begin 644 a\n#0V%T\n",
    "brackets": b"[",
    "mixed line ends": b"\r\n\n\r",
    "random": b"",
}


def made(head: str, unit: str, octets: int, chance: random.Random) -> bytes:
    """Return a mail of a shape, of so many octets."""
    begins, repeated = HEADS[head], UNITS[unit]
    if unit == "random":
        return begins + chance.randbytes(octets - len(begins))
    times = max(1, (octets - len(begins)) // len(repeated))
    if unit == "nested parts":
        return (begins + b"".join(repeated % (n, n) for n in range(times)))[:octets]
    return begins + repeated * times


def seconds(read: Callable[[], object]) -> float:
    begun = time.process_time()
    read()
    return time.process_time() - begun


def measure(
    read: Callable[[bytes], object], mails: int, octets: int, chance: random.Random
) -> tuple[dict[str, float], list[str]]:
    """Return the slowest of each shape, and what was raised."""
    shapes = [(head, unit) for unit in UNITS for head in HEADS]
    chance.shuffle(shapes)
    slowest: dict[str, float] = {}
    raised = []
    for number in range(mails):
        head, unit = shapes[number % len(shapes)]
        size = octets if number < len(shapes) else chance.randrange(octets // 20, octets)
        body = made(head, unit, size, chance)
        name = f"{unit}, below: {head}"
        try:
            slowest[name] = max(slowest.get(name, 0.0), seconds(partial(read, body)))
        except Exception as error:  # noqa: BLE001 - whatever is raised is what this looks for
            raised.append(f"{name}: {type(error).__name__}: {error}"[:200])
    return slowest, raised


def _reader() -> Callable[[bytes], object]:
    """Return what reads a mail, in this process."""
    with TemporaryDirectory(prefix="newsletter-reading-") as folder:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "newsletter.settings", "DATA_DIR": folder}
        django.setup()
    from newsletter.delivery.events.parsing import inbound_mail

    return lambda body: inbound_mail.parse_mail(body, ["bounces@news.example.org"], AT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=2_000)
    parser.add_argument("--octets", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    print(machine())
    slowest, raised = measure(_reader(), options.mails, options.octets, random.Random(options.seed))
    for name, took in sorted(slowest.items(), key=lambda one: -one[1])[:12]:
        print(f"  {took:6.2f} s  {name}")
    print("\n".join(raised))
    above = sum(took > SECONDS_MAX for took in slowest.values())
    print(f"{options.mails} mails, {len(slowest)} shapes: {above} above {SECONDS_MAX} s, {len(raised)} raised")
    sys.exit(1 if above or raised else 0)


if __name__ == "__main__":
    main()
