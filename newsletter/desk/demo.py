"""Loads the sample publication of `demo_data` into an empty installation. Its past issues are archived, not mailed."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from django.core.cache import caches
from django.db import transaction

from newsletter.delivery.models import Answer, Quote, Reply
from newsletter.issues import cadence, schedule
from newsletter.issues.models import Issue, IssueItem, StartingPoint, Vote
from newsletter.issues.search import index_issue
from newsletter.moving.folder import layout
from newsletter.moving.folder.layout import PostFile
from newsletter.moving.taking.posts import PostFolder, steps
from newsletter.posts.models import Image, Post, Series, Tag
from newsletter.posts.tasks import finish_pictures
from newsletter.publication.changes import Via, acting_as
from newsletter.publication.models import PUBLICATION_CACHE_KEY, Publication
from newsletter.publication.task_queue import enqueue_on_commit
from subscribers.models import DayCount, Subscriber, address_hash
from subscribers.models.consents import Consent, ConsentDetails

DATA = Path(__file__).parent / "demo_data"
SOURCE = "demo:"  # prefix of Post.source
CLOSING = "<!-- closing -->"  # stands between introduction and closing
SENT = 5  # issues in the archive; the next one is composed only
A_MONTH = timedelta(days=31)
A_WEEK = timedelta(days=7)  # minimum, even if the current fortnight has just begun
READERS = 14  # the last one is not confirmed, the one before pauses
FIRST_READERS = 7  # before the first issue
LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


class NotEmptyError(Exception):
    """The installation has posts or issues of its own."""


@dataclass(frozen=True)
class SampleIssue:
    number: int
    fields: dict[str, Any]
    text: str
    begins_at: datetime
    ends_at: datetime

    @property
    def posts(self) -> list[tuple[str, str]]:
        return [(words, form) for words, form in map(str.split, self.fields["posts"])]

    @property
    def answers(self) -> dict[str, str]:
        """The answers to its question, each with how often it was given."""
        answers: dict[str, str] = self.fields.get("answers", {})
        return answers

    def published_at(self, position: int) -> datetime:
        """When a post was published: the first of the issue is the newest, two days before a biweekly slot."""
        return self.ends_at - (self.ends_at - self.begins_at) * (1 + 2 * position) / 7


@transaction.atomic
def load(now: datetime) -> bool:
    """Load the sample; return False, changing nothing, if it was loaded before.

    Settings that the author has changed stay. Raises NotEmptyError.
    """
    if Post.objects.filter(source__startswith=SOURCE).exists():
        return False
    if Post.objects.exists() or Issue.objects.exists():
        raise NotEmptyError
    publication = _introduce()
    _make_tags_and_series()
    samples = list(_samples(publication, now))
    _write_posts(samples)
    has_readers = Subscriber.objects.exists()  # real readers must not get sample data
    with acting_as("", Via.COMMAND):
        for sample in samples:
            issue = _compose(sample)
            if not has_readers:
                _invite_readers(sample)
            if sample.number <= SENT:
                _archive(issue, sample.ends_at, now)
            if sample.number <= SENT and not has_readers:
                _answer_question(issue, sample)
                add_replies(issue, sample.ends_at, now)
            index_issue(issue)
    _choose_where_to_start()
    DayCount.objects.keep(now, publication.zone)
    return True


def _load_toml(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / name).read_text(encoding="utf-8"))


def _parsed(name: str) -> tuple[dict[str, Any], str]:
    """Return the front matter of a file, with all values as they are typed, and its text."""
    head, text = layout.split_front_matter((DATA / name).read_bytes(), name)
    return yaml.load(head, Loader=yaml.CBaseLoader), text  # noqa: S506 - makes texts alone


def _introduce() -> Publication:
    """Fill those fields of the publication that still have their default. The sample needs no setup."""
    publication, _made = Publication.objects.get_or_create(pk=1)
    untouched = Publication()
    fields, about = _parsed("publication.md")
    for name, value in (fields | {"about": about}).items():
        if getattr(publication, name) in {"", getattr(untouched, name)}:
            setattr(publication, name, value.strip())
    publication.save()
    caches["pages"].delete(PUBLICATION_CACHE_KEY)
    return publication


def _make_tags_and_series() -> None:
    """Create the tags and the series with Latin slugs, which the importer cannot derive."""
    for name, slug in _load_toml("tags.toml").items():
        Tag.objects.get_or_create(name=name, defaults={"slug": slug})
    for title, fields in _load_toml("series.toml").items():
        Series.objects.get_or_create(title=title, defaults=fields)


def _samples(publication: Publication, now: datetime) -> Iterator[SampleIssue]:
    """The archived issues, the last one at the last slot before `now`, and an unsent one."""
    moments = [*_slots_before(publication, now), now]
    for number, (begins_at, ends_at) in enumerate(pairwise(moments), 1):
        fields, text = _parsed(f"issues/{number}.md")
        yield SampleIssue(number, fields, text, min(begins_at, ends_at - A_WEEK), ends_at)


def _slots_before(publication: Publication, now: datetime) -> list[datetime]:
    """The last slots before `now`, one more than needed; works too if the anchor is in the future."""
    days = timedelta(days=publication.cadence_days)
    used = schedule.cadence_of(publication)
    earlier, today = replace(used, anchor_on=used.anchor_on - 1000 * days), now.astimezone(used.zone).date()
    found = cadence.slots_between(earlier, cadence.NO_SHIFTS, today - (SENT + 2) * max(days, A_MONTH), today)
    return [slot.due_at for slot in found if slot.due_at <= now][-SENT - 1 :]


@dataclass(frozen=True)
class SamplePosts(PostFolder):
    """The texts of the sample; each appears on its day, and links to others as `/post/words`."""

    dates: dict[str, datetime]

    def read_post(self, name: str) -> PostFile:
        file = super().read_post(name)
        links = {f"/post/{words}": SOURCE + words for words in map(_slug_of, self.names)}
        return replace(file, date=self.dates.get(_slug_of(name)), links=links)


def _slug_of(name: str) -> str:
    return PurePosixPath(name).stem


def _write_posts(samples: list[SampleIssue]) -> None:
    dates = {words: sample.published_at(n) for sample in samples for n, (words, _form) in enumerate(sample.posts)}
    read = PostFolder.at(DATA)
    names = sorted(read.names, key=lambda name: (dates.get(_slug_of(name), LAST_MOMENT), name))
    texts = SamplePosts(DATA, read.account, names, read.zone, dates)
    for step in steps(texts, set()):
        step.write()
    texts.links().mend(texts.readable())
    enqueue_on_commit(finish_pictures)  # their sizes
    _describe_covers()


def _describe_covers() -> None:
    for name, alt in _load_toml("covers.toml").items():
        Image.objects.filter(name=name).update(alt=alt)


def _choose_where_to_start() -> None:
    for position, (words, reason) in enumerate(_load_toml("start.toml").items()):
        StartingPoint.objects.create(post=Post.objects.get(source=SOURCE + words), reason=reason, position=position)


def _compose(sample: SampleIssue) -> Issue:
    introduction, closing = sample.text.split(CLOSING)
    issue = Issue.objects.create(
        number=sample.number,
        subject=str(sample.fields["subject"]),
        preheader=str(sample.fields["preheader"]),
        introduction=introduction.strip(),
        closing=closing.strip(),
        question=sample.fields.get("question", ""),
        question_choices="\n".join(sample.answers),
        shows_result=bool(sample.answers),
    )
    for position, (words, form) in enumerate(sample.posts):
        post = Post.objects.get(source=SOURCE + words)
        IssueItem.objects.create(issue=issue, post=post, position=position, form=form)
    return issue


def _invite_readers(sample: SampleIssue) -> None:
    """Create the readers who confirmed before an issue: most before the first, then one each."""
    joined_at = sample.begins_at + (sample.ends_at - sample.begins_at) / 2
    first = 1 if sample.number == 1 else FIRST_READERS + sample.number - 1
    numbers = range(first, FIRST_READERS + sample.number) if sample.number <= SENT else range(first, READERS + 1)
    for reader in Subscriber.objects.bulk_create(_reader(number, joined_at) for number in numbers):
        if reader.is_reader:
            Consent.objects.add(reader, Consent.Kind.IMPORTED, ConsentDetails("by hand"), joined_at)


def _reader(number: int, at: datetime) -> Subscriber:
    email = f"reader{number:02}@example.com"
    reader = Subscriber(email=email, address_hash=address_hash(email), name=f"讀者{number:02}")
    if number == READERS:
        return reader
    reader.state = Subscriber.State.ACTIVE
    if number == READERS - 1:
        reader.state, reader.paused_until = Subscriber.State.PAUSED, at + timedelta(days=60)
    reader.confirmed_at = reader.welcomed_at = at
    return reader


def _archive(issue: Issue, slot: datetime, now: datetime) -> None:
    """Put the issue into the archive, as one that another program has mailed: nobody got it from here."""
    issue.sent_at, issue.imported_at = slot, now
    issue.save(update_fields=["sent_at", "imported_at"])


REPLY_SOURCE = "demo"  # prefix of Reply.key
AN_HOUR = timedelta(hours=1)


def _answer_question(issue: Issue, sample: SampleIssue) -> None:
    for choice, times in enumerate(sample.answers.values(), 1):
        for number in range(int(times)):
            Vote.objects.put(issue, f"{choice} {number}", choice, "")


def add_replies(issue: Issue, slot: datetime, now: datetime) -> None:
    for number, sample in enumerate(_load_toml("replies.toml")["reply"]):
        if sample["issue"] == issue.number:
            _reply(number, sample, issue, min(slot + sample["hours"] * AN_HOUR, now))


def _reply(number: int, sample: dict[str, Any], issue: Issue, at: datetime) -> None:
    reader = Subscriber.objects.get(email=f"reader{sample['reader']:02}@example.com")
    reply = Reply.objects.create(
        key=f"{REPLY_SOURCE}:{number}",
        subscriber=reader,
        is_certain=True,
        issue=issue,
        message_id=f"<{REPLY_SOURCE}.{number}@example.com>",
        sender=reader.email,
        sender_name=reader.name,
        subject=f"Re: {issue.subject}",
        text=sample["text"].strip(),
        received_at=at,
        answered_at=at if "answer" in sample else None,
    )
    reply.tag(sample["tags"])
    if "answer" in sample:  # by the author's own mail program: nothing is due
        Answer.objects.create(reply=reply, text=sample["answer"], digest=_digest(sample["answer"]), written_at=at)
    if "quote" in sample:
        _allow(reader, reply, sample["quote"], sample["name"])


def _allow(reader: Subscriber, reply: Reply, passage: str, name: str) -> None:
    """Create a quote that its reader has allowed: it is ready for the next issue."""
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
