"""Makes issues of the archive from mails that another program sent."""

import re
from bisect import bisect, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count, pairwise
from operator import itemgetter

from django.db import transaction

from newsletter.issues.models import Issue, IssueItem
from newsletter.issues.search import index_issue
from newsletter.mail.characters import single_line
from newsletter.posts.models import Post

SUBJECT_MAX, PREHEADER_MAX = 200, 150  # characters, as the columns of Issue
NUMBER_MAX = 999_999
_NUMBER = re.compile(
    r"(?:#|No\.?\s{0,3}|Vol\.?\s{0,3}|Issue\s{1,3}#?|第\s{0,3})(?P<number>[0-9]{1,4})(?![0-9])", re.IGNORECASE
)


class NumberingError(ValueError):
    """The numbers cannot be used; the message says which and why."""


@dataclass(frozen=True)
class PastMail:
    """A mail of the past that becomes an issue. number: None if the mail gets no issue."""

    source: str
    subject: str
    at: datetime
    preheader: str = ""
    number: int | None = None


type NumbersInUse = Mapping[int, datetime | None]  # numbers that are in use, each with the day on which it was sent


def numbers_in_use() -> dict[int, datetime | None]:
    return dict(Issue.objects.values_list("number", "sent_at"))


def assign_numbers(mails: Iterable[PastMail], taken: NumbersInUse) -> list[PastMail]:
    """The mails by date, each with a number.

    Numbers in subjects (“#12”, “第 12 期”) count if most have one and they rise with the dates. The others get free
    numbers between those of the issues that were sent before and after them, counted from the lower one. Those that
    find none there get numbers higher than any in use; readers find issues by date.
    """
    past = sorted(mails, key=lambda one: (one.at, one.source))
    numbers = [number if number not in taken else None for number in _subject_numbers(past)]
    named = ((one.at, number) for one, number in zip(past, numbers, strict=True) if number is not None)
    line = sorted([*((at, number) for number, at in taken.items() if at), *named])
    used = {*taken, *filter(None, numbers)}
    for index, one in enumerate(past):
        if numbers[index] is None:
            numbers[index] = number = _free(line, one.at, used)
            used.add(number)
            insort(line, (one.at, number))
    return [replace(one, number=number) for one, number in zip(past, numbers, strict=True)]


def _subject_numbers(past: Sequence[PastMail]) -> list[int | None]:
    found = [_NUMBER.search(one.subject) for one in past]
    read = [int(one["number"]) or None if one else None for one in found]
    named = [number for number in read if number is not None]
    rises = all(before < after for before, after in pairwise(named))
    return read if rises and len(named) * 2 > len(past) else [None] * len(past)


def _free(line: Sequence[tuple[datetime, int]], at: datetime, used: set[int]) -> int:
    """A free number between those of the issues before and after this day; one above all if there is none."""
    place = bisect(line, at, key=itemgetter(0))
    before = line[place - 1][1] if place else 0
    number = next(number for number in count(before + 1) if number not in used)
    return number if place == len(line) or number < line[place][1] else max(used) + 1


def importable_mails(
    mailed: Mapping[str, PastMail], now: datetime, public: set[str] | None = None
) -> tuple[list[PastMail], list[str]]:
    """Mails whose post is public and in no sent issue yet; and the sources of mails whose post is not public.

    public: sources that count as public, in a dry run; None asks the database.
    """
    if public is None:
        public = set(Post.objects.published(now).filter(source__in=mailed).values_list("source", flat=True))
    done = archived_sources(mailed)
    ready = [one for source, one in mailed.items() if source in public - done]
    return ready, sorted(set(mailed) - public)


def archived_sources(sources: Iterable[str]) -> set[str]:
    sent = IssueItem.objects.filter(post__source__in=list(sources), issue__sent_at__isnull=False)
    return set(sent.values_list("post__source", flat=True))


@transaction.atomic
def archive_mails(past: Sequence[PastMail], now: datetime) -> int:
    """Make an issue of each numbered mail, all or nothing; return how many. Makes no mailing. Raises NumberingError."""
    numbered = [(one.number, one) for one in past if one.number is not None]
    numbers = [number for number, _one in numbered]
    twice = {number for number, times in Counter(numbers).items() if times > 1}
    used = set(Issue.objects.filter(number__in=numbers).values_list("number", flat=True))
    if twice or used:
        shown = ", ".join(map(str, sorted(twice | used)))
        raise NumberingError(f"these numbers are in use, or stand twice: {shown}")
    posts = {post.source: post for post in Post.objects.filter(source__in=[one.source for _number, one in numbered])}
    for number, one in numbered:
        _make(number, one, posts[one.source], now)
    return len(numbered)


def _make(number: int, one: PastMail, post: Post, now: datetime) -> None:
    issue = Issue.objects.create(
        number=number,
        subject=single_line(one.subject).strip()[:SUBJECT_MAX] or post.title,
        preheader=single_line(one.preheader).strip()[:PREHEADER_MAX],
        sent_at=one.at,
        imported_at=now,
    )
    IssueItem.objects.create(issue=issue, post=post, form=IssueItem.Form.FULL)
    index_issue(issue)
