"""What came of the issues of the sample after they had left: arrived or sent back, and what readers said."""

import tomllib
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from newsletter.delivery.models import Answer, Delivery, Event, Mailing, Quote, Reply
from newsletter.issues.models import Issue
from subscribers.models import Subscriber

FILE = Path(__file__).parent / "demo_data" / "replies.toml"
SOURCE = "demo"  # of the events and replies of the sample
FULL_AFTERWARDS = 4  # the issue of which a copy was accepted, and sent back later
MAILBOX_FULL = "452 4.2.2 Mailbox full"
A_MOMENT, AN_HOUR = timedelta(seconds=30), timedelta(hours=1)


def arrive(mailing: Mailing, slot: datetime) -> None:
    """Write down what a provider would have reported of the copies of a mailing."""
    copies = mailing.deliveries.filter(state=Delivery.State.SENT).order_by("seq").select_related("subscriber")
    Event.objects.bulk_create(_event(copy, mailing, slot) for copy in copies)


def _event(copy: Delivery, mailing: Mailing, slot: datetime) -> Event:
    event = Event(source=SOURCE, source_id=f"{mailing.pk}-{copy.seq}", mailing_id=mailing.pk, seq=copy.seq)
    event.address_hash = copy.subscriber.address_hash if copy.subscriber else ""
    event.kind, event.at = Event.Kind.DELIVERED, slot + A_MOMENT
    if mailing.issue.number == FULL_AFTERWARDS and copy.seq == mailing.total - 1:
        event.kind, event.at = Event.Kind.BOUNCED, slot + AN_HOUR
        event.verdict, event.domain, event.words = Event.Verdict.SOFT, "example.com", MAILBOX_FULL
    event.created_at = event.at
    return event


def rate(mailing: Mailing, slot: datetime) -> None:
    """Let some readers say by a click what they thought of the issue."""
    got_it = mailing.deliveries.filter(state=Delivery.State.SENT).order_by("seq").select_related("subscriber")
    answers = ["helpful"] * (3 + mailing.issue.number % 3) + ["fair"]
    for copy, one in zip(got_it, answers, strict=False):
        assert copy.subscriber is not None  # noqa: S101 - nobody has been erased yet
        mailing.issue.feedback.give(copy.subscriber, mailing.issue, one, slot + 6 * AN_HOUR)


def answer(issue: Issue, slot: datetime, now: datetime) -> None:
    """Write down what readers answered to an issue, none of it later than now."""
    for number, said in enumerate(tomllib.loads(FILE.read_text(encoding="utf-8"))["reply"]):
        if said["issue"] == issue.number:
            _reply(number, said, issue, min(slot + said["hours"] * AN_HOUR, now))


def _reply(number: int, said: dict[str, Any], issue: Issue, at: datetime) -> None:
    reader = Subscriber.objects.get(email=f"reader{said['reader']:02}@example.com")
    reply = Reply.objects.create(
        key=f"{SOURCE}:{number}",
        subscriber=reader,
        is_certain=True,
        issue=issue,
        message_id=f"<{SOURCE}.{number}@example.com>",
        sender=reader.email,
        sender_name=reader.name,
        subject=f"Re: {issue.subject}",
        text=said["text"].strip(),
        received_at=at,
        answered_at=at if "answer" in said else None,
    )
    reply.tag(said["tags"])
    if "answer" in said:  # by the author's own mail program: nothing is due
        Answer.objects.create(reply=reply, text=said["answer"], digest=_digest(said["answer"]), written_at=at)
    if "quote" in said:
        _allow(reader, reply, said["quote"], said["name"])


def _allow(reader: Subscriber, reply: Reply, passage: str, name: str) -> None:
    """Let the reader have been asked, and have said yes: it waits to be put into the next issue."""
    at = reply.received_at
    Quote.objects.create(
        subscriber=reader,
        reply=reply,
        passage=passage,
        digest=_digest(passage),
        state=Quote.State.ALLOWED,
        name=name,
        asked_at=at,
        sent_at=at,
        answered_at=at,
    )


def _digest(words: str) -> str:
    return sha256(" ".join(words.split()).encode()).hexdigest()[:32]
