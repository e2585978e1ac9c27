"""The sample publication, from the texts and pictures in `demo_data`: loaded once, into an empty installation."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from django.core.cache import caches
from django.db import transaction
from django.db.models import Count, Q

from newsletter.issues.cadence import slots
from newsletter.issues.indexing import index_issue
from newsletter.issues.models import Issue, IssueItem, StartingPoint
from newsletter.posts.importers import drafts, markdown_folder
from newsletter.posts.importers.front_matter import Value, parse
from newsletter.posts.models import Image, Post, Tag
from newsletter.posts.search import index_post
from newsletter.publication.models import CACHE_KEY, Publication
from subscribers.consents import Circumstances, Consent
from subscribers.models import Subscriber, address_hash

DATA = Path(__file__).parent / "demo_data"
SOURCE = "demo:"  # begins the source of every post of the sample
CLOSING = "<!-- closing -->"  # stands between introduction and closing
SENT = 5  # issues; the next one is composed only
A_WEEK = timedelta(days=7)  # in which the posts of the next issue appeared, however new its fortnight is
READERS = 14  # the last one is not confirmed, the one before pauses


class NotEmptyError(Exception):
    """The installation has posts or issues of its own."""


@dataclass(frozen=True)
class Sample:
    """One issue as its file has it, and the time in which its posts were written."""

    number: int
    fields: dict[str, Value]
    text: str
    begins_at: datetime
    ends_at: datetime

    @property
    def posts(self) -> list[tuple[str, str]]:
        """Return the words and the form of its posts, in the order of the issue."""
        words_and_forms = (str(item).split() for item in self.fields["posts"])
        return [(words, form) for words, form in words_and_forms]

    def published_at(self, position: int) -> datetime:
        """Return when a post appeared: the first of the issue is the newest, two days before a biweekly slot."""
        return self.ends_at - (self.ends_at - self.begins_at) * (1 + 2 * position) / 7


@transaction.atomic
def load(now: datetime) -> bool:
    """Fill in the sample publication; return False, changing nothing, if it is here already.

    What the author has set in the publication stays. Raises NotEmptyError.
    """
    if Post.objects.filter(source__startswith=SOURCE).exists():
        return False
    if Post.objects.exists() or Issue.objects.exists():
        raise NotEmptyError
    publication = _introduce()
    _make_tags()
    samples = list(_samples(publication, now))
    _write_posts(samples, publication)
    for sample in samples:
        _compose(sample)
    _choose_where_to_start()
    _invite_readers(now)
    return True


def _read(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


def _introduce() -> Publication:
    """Fill the fields of the publication that are as they were on the first day."""
    publication, _made = Publication.objects.get_or_create(pk=1)
    untouched = Publication()
    fields, about = parse(_read("publication.md"))
    for name, value in (fields | {"about": about.strip()}).items():
        if getattr(publication, name) in {"", getattr(untouched, name)}:
            setattr(publication, name, value)
    publication.save()
    caches["pages"].delete(CACHE_KEY)
    return publication


def _make_tags() -> None:
    """Give the tags Latin addresses, which the importer cannot know."""
    for name, slug in tomllib.loads(_read("tags.toml")).items():
        Tag.objects.get_or_create(name=name, defaults={"slug": slug})


def _samples(publication: Publication, now: datetime) -> Iterator[Sample]:
    """Yield the issues, the last sent one at the last slot before `now`, and the next one, still unsent."""
    moments = [*_slots_before(publication, now), now]
    for number, (begins_at, ends_at) in enumerate(pairwise(moments), 1):
        fields, text = parse(_read(f"issues/{number}.md"))
        yield Sample(number, fields, text, min(begins_at, ends_at - A_WEEK), ends_at)


def _slots_before(publication: Publication, now: datetime) -> list[datetime]:
    """Return the last slots before `now`, one more than were used; an anchor to come counts backwards."""
    rhythm = timedelta(days=publication.cadence_days)
    found = slots(
        publication.cadence_anchor_on - 1000 * rhythm,
        publication.cadence_at,
        zone=publication.zone,
        days=publication.cadence_days,
        after=now - (SENT + 2) * rhythm,
        count=SENT + 3,
    )
    return [slot for slot in found if slot <= now][-SENT - 1 :]


def _write_posts(samples: list[Sample], publication: Publication) -> None:
    """Write the posts in the order of their dates, those of no issue as drafts, and link them."""
    dates = {words: sample.published_at(n) for sample in samples for n, (words, _form) in enumerate(sample.posts)}
    unfinished = {file.stem for file in (DATA / "posts").glob("*.md")} - dates.keys()
    for words in [*sorted(dates, key=dates.__getitem__), *sorted(unfinished)]:
        draft = markdown_folder.read(DATA / "posts" / f"{words}.md", DATA, publication.zone)
        dated = replace(draft, source=SOURCE + words, published_at=dates.get(words))
        drafts.take(dated, dry_run=False)
    _link_posts()
    _describe_covers()


def _link_posts() -> None:
    """Replace `post:words` by the address that a post has only now."""
    posts = list(Post.objects.filter(source__startswith=SOURCE))
    addresses = {f"](post:{post.words})": f"]({post.get_absolute_url()})" for post in posts}
    for post in posts:
        for words, address in addresses.items():
            post.body = post.body.replace(words, address)
    Post.objects.bulk_update(posts, ["body"])
    for post in posts:
        index_post(post)


def _describe_covers() -> None:
    """Say what the covers show; the importer knows no more than the title."""
    for name, alt in tomllib.loads(_read("covers.toml")).items():
        Image.objects.filter(name=name).update(alt=alt)


def _choose_where_to_start() -> None:
    """Hand some posts to whoever is new."""
    for position, (words, reason) in enumerate(tomllib.loads(_read("start.toml")).items()):
        StartingPoint.objects.create(post=Post.objects.get(source=SOURCE + words), reason=reason, position=position)


def _compose(sample: Sample) -> None:
    introduction, closing = sample.text.split(CLOSING)
    issue = Issue.objects.create(
        number=sample.number,
        subject=str(sample.fields["subject"]),
        preheader=str(sample.fields["preheader"]),
        introduction=introduction.strip(),
        closing=closing.strip(),
    )
    for position, (words, form) in enumerate(sample.posts):
        post = Post.objects.get(source=SOURCE + words)
        IssueItem.objects.create(issue=issue, post=post, position=position, form=form)
    if sample.number <= SENT:
        issue.mark_sent(sample.ends_at)
    index_issue(issue)


def _invite_readers(now: datetime) -> None:
    """Let the first issue that is sent have somebody to go to; real readers stay among themselves."""
    if not Subscriber.objects.exists():
        readers = Subscriber.objects.bulk_create(_reader(number, now) for number in range(1, READERS + 1))
        for reader in readers:
            if reader.is_reader:
                Consent.objects.add(reader, Consent.Kind.IMPORTED, Circumstances("demo"), now)


def _reader(number: int, now: datetime) -> Subscriber:
    email = f"reader{number:02}@example.com"
    reader = Subscriber(email=email, address_hash=address_hash(email), name=f"讀者{number:02}")
    if number == READERS:
        return reader
    reader.state = Subscriber.State.ACTIVE
    if number == READERS - 1:
        reader.state, reader.paused_until = Subscriber.State.PAUSED, now + timedelta(days=60)
    reader.confirmed_at = reader.welcomed_at = now
    return reader


def contents(now: datetime) -> dict[str, int]:
    """Return how much of everything there is."""
    posts = Post.objects.aggregate(
        published=Count("pk", filter=Q(published_at__lte=now)), drafts=Count("pk", filter=Q(published_at=None))
    )
    issues = {"sent": Issue.objects.archived().count(), "next": Issue.objects.unsent().count()}
    return posts | issues | {"readers": Subscriber.objects.count()}
