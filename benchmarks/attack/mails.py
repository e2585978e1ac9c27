"""Attacks by mail: what a stranger writes to the address that returned mail goes to."""

import time
from typing import Any

from benchmarks.attack.readers import sign_up
from benchmarks.attack.verdict import Outcome, held
from benchmarks.attack.world import World, manage
from tests.support.waiting import wait_until

NEWLINES = 1_000_000
# An issue that is being sent: every copy but the last has left, and the last one waits for an hour.
SENDING = """
from datetime import timedelta
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from subscribers.models import Subscriber, address_hash

now = timezone.now()
Publication.objects.update(sender_email="news@news.example.org", bounces_to="bounces@news.example.org")
for email in {readers!r}:
    one = Subscriber.objects.create(email=email, address_hash=address_hash(email), state="active", confirmed_at=now)
    long_ago = now - timedelta(days=60)
    Subscriber.objects.filter(pk=one.pk).update(created_at=long_ago, confirmed_at=long_ago)
with transaction.atomic():
    issue = Issue.objects.create(number={number}, subject="Attacked")
    IssueItem.objects.create(issue=issue, post=Post.objects.earliest("pk"), position=0, form="full")
    mailing = approving.approve(issue, send_at=None, now=now, hold=timedelta())
    beginning.plan_mailing(mailing, now)
    last = mailing.deliveries.latest("seq")
    mailing.deliveries.exclude(seq=last.seq).update(state=Delivery.State.SENT, sent_at=now, attempts=1)
    mailing.batches.update(not_before=now + timedelta(hours=1))
    mailing.batches.update(sent=F("hi") - F("lo"))
    mailing.batches.filter(hi=last.seq + 1).update(sent=F("sent") - 1)
answer = mailing.pk
"""
ARRIVED = """
from django.utils import timezone
from newsletter.delivery.models import InboundMessage
for body in {bodies!r}:
    InboundMessage.objects.store(InboundMessage.MAIL, body, timezone.now())
answer = InboundMessage.objects.waiting().count()
"""
# Twenty readers of the attacker's own, each of whom has a copy and its token.
REFUSED = """
from django.utils import timezone
from newsletter.delivery.letter.compiled import return_path_maker
from newsletter.delivery.models import InboundMessage, Mailing
from tests.delivery.events.mails import BLOCKED, dsn
mailing = Mailing.objects.get(pk={mailing})
path = return_path_maker(mailing)
theirs = mailing.deliveries.filter(subscriber__email__endswith="@evil.example").values_list("seq", flat=True)
for seq in theirs:
    body = dsn(path(seq), words=BLOCKED, status="5.7.1", name=f"<refused.{{seq}}@evil.example>")
    InboundMessage.objects.store(InboundMessage.MAIL, body, timezone.now())
answer = len(theirs)
"""
OUTCOME = """
from newsletter.delivery.models import InboundMessage, Event, Mailing
from subscribers.models import Suppression
mailing = Mailing.objects.get(pk={mailing})
answer = {{
    "barred": Suppression.objects.filter(email__in={readers!r}).count(),
    "shown": InboundMessage.objects.unproven().count(),
    "refused": Event.objects.filter(mailing_id=mailing.pk, verdict="policy").count(),
    "state": mailing.state,
}}
Mailing.objects.filter(pk=mailing.pk).update(state="cancelled")
"""
WAITING = "from newsletter.delivery.models import InboundMessage\nanswer = InboundMessage.objects.waiting().count()"


def newlines(world: World) -> Outcome:
    """Six mails of 1 MB of newlines that look returned, while people sign up."""
    head = (
        "Return-Path: <>\nFrom: MAILER-DAEMON@x\nSubject: Undelivered Mail Returned to Sender\nMessage-ID: <%d@x>\n\n"
    )
    code = f"bodies = [({head!r} % number).encode() + b'\\n' * {NEWLINES} for number in range(6)]\n"
    manage(world, code + ARRIVED.replace("{bodies!r}", "bodies"))
    slowest = 0.0
    for number in range(2 if world.is_short else 6):
        person, begun = f"calm{number}@calm.example.org", time.monotonic()
        sign_up(world.stranger(), person)
        world.smtp.wait_for(person)
        slowest = max(slowest, time.monotonic() - begun)
    wait_until(lambda: manage(world, WAITING) == 0, 60, every=1.0)
    return held(slowest <= 5, f"a confirmation leaves within {slowest:.1f} s while six are read")


def forged_reports(world: World) -> Outcome:
    """A report, a complaint and a notice in Amazon's name, by somebody who knows the addresses of three readers."""
    readers = [f"known{number}@known.example.org" for number in range(3)]
    mailing = manage(world, SENDING.format(readers=[*readers, "last@known.example.org"], number=7001))
    manage(world, ARRIVED.format(bodies=_forged(*readers)))
    outcome = _outcome(world, mailing, readers)
    is_held = outcome["barred"] == 0 and outcome["shown"] == 2  # what Amazon tells by mail is read as any other mail
    return held(is_held, f"{outcome['barred']} of 3 readers barred, {outcome['shown']} mails shown to the author")


def small_domain(world: World) -> Outcome:
    """Twenty readers at one domain have their own copies returned, to stop everybody's issue."""
    theirs = [f"r{number}@evil.example" for number in range(20)]
    others = [f"r{number}@good{number % 50}.example" for number in range(400)]
    mailing = manage(world, SENDING.format(readers=[*theirs, *others], number=7002))
    manage(world, REFUSED.format(mailing=mailing))
    outcome = _outcome(world, mailing, theirs)
    is_held = outcome["state"] == "sending" and outcome["refused"] == len(theirs)
    return held(is_held, f"{outcome['refused']} refusals of one domain; the mailing is {outcome['state']}")


def _outcome(world: World, mailing: int, readers: list[str]) -> dict[str, Any]:
    """Return what has followed once all mails are read, and end the mailing."""
    wait_until(lambda: manage(world, WAITING) == 0, 60, every=1.0)
    found: dict[str, Any] = manage(world, OUTCOME.format(mailing=mailing, readers=readers))
    return found


def _forged(gone: str, annoyed: str, bounced: str) -> list[bytes]:
    fields = "From: MAILER-DAEMON@evil.example\nTo: bounces@news.example.org\nMIME-Version: 1.0\n"
    report = f"""{fields}Subject: Undelivered Mail Returned to Sender
Message-ID: <dsn@evil.example>
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; evil.example

Final-Recipient: rfc822; {gone}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown
--b--
"""
    complaint = f"""{fields}Subject: complaint
Message-ID: <arf@evil.example>
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: x/1
Version: 1
Original-Rcpt-To: {annoyed}
--b--
"""
    at = "2026-11-03T00:00:09.000Z"
    output = f'"bouncedRecipients": [{{"emailAddress": "{bounced}", "status": "5.1.1"}}], "timestamp": "{at}"'
    notice = f"""From: AWS Notifications <no-reply@sns.amazonaws.com>
Subject: AWS Notification Message
Message-ID: <ses@evil.example>

{{"notificationType": "Bounce", "bounce": {{"bounceType": "Permanent", "bounceSubType": "General", "feedbackId": "x",
{output}}}, "mail": {{"timestamp": "{at}", "messageId": "m", "source": "a@b.example", "destination": ["{bounced}"]}}}}
"""
    return [one.encode() for one in (report, complaint, notice)]
