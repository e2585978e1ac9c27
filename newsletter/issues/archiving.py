"""Posts that another program has mailed become issues of the archive: numbered, dated, never mailed by us."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from django.db import transaction
from django.utils import timezone

from newsletter.issues.indexing import index_issue
from newsletter.issues.models import Issue, IssueItem
from newsletter.mail.characters import single_line
from newsletter.posts.models import Post

SUBJECT_MAX, PREHEADER_MAX = 200, 150  # characters, as the columns of Issue
COLUMNS = ("number", "date", "subject", "source")
_NUMBER = re.compile(
    r"(?:#|No\.?\s{0,3}|Vol\.?\s{0,3}|Issue\s{1,3}#?|第\s{0,3})(?P<number>[0-9]{1,4})(?![0-9])", re.IGNORECASE
)


class NumberingError(ValueError):
    """The numbers cannot be used; the message says which and why."""


@dataclass(frozen=True)
class Past:
    """A mail of the past that becomes an issue. number: None leaves the post without one."""

    source: str
    subject: str
    at: datetime
    preheader: str = ""
    number: int | None = None


def proposed(mails: Iterable[Past], taken: set[int]) -> list[Past]:
    """Return the mails by date, each with a number.

    The numbers of the subjects count (“#12”, “第 12 期”) if most have one and they rise with the dates; else they are
    counted from 1. Numbers in `taken` are passed over.
    """
    past = sorted(mails, key=lambda one: (one.at, one.source))
    read = [_number_in(one.subject) for one in past]
    named = [number for number in read if number is not None]
    rises = all(before < after for before, after in pairwise(named))
    trusted = read if rises and len(named) * 2 > len(past) else [None] * len(past)
    reserved = {number for number in trusted if number is not None} - taken
    found, last = [], 0
    for one, wanted in zip(past, trusted, strict=True):
        number = wanted if wanted is not None and wanted not in taken else _next_free(last, taken | reserved)
        last = max(last, number)
        found.append(replace(one, number=number))
    return found


def _number_in(subject: str) -> int | None:
    found = _NUMBER.search(subject)
    return int(found["number"]) or None if found else None


def _next_free(last: int, used: set[int]) -> int:
    number = last + 1
    while number in used:
        number += 1
    return number


def waiting(mailed: Mapping[str, Past], now: datetime) -> tuple[list[Past], list[str]]:
    """Return the mails whose posts are public and in no issue of the archive, and the sources of those that are not."""
    public = Post.objects.published(now).filter(source__in=mailed)
    done = set(IssueItem.objects.filter(post__in=public, issue__sent_at__isnull=False).values_list("post", flat=True))
    ready = [mailed[post.source] for post in public.only("pk", "source") if post.pk not in done]
    known = {post.source for post in public.only("source")}
    return ready, sorted(set(mailed) - known)


def as_table(past: Sequence[Past]) -> str:
    """Return a proposal as CSV, to be corrected in any spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in past:
        writer.writerow([one.number or "", timezone.localtime(one.at).date().isoformat(), one.subject, one.source])
    return out.getvalue()


def corrected(past: Sequence[Past], table: str) -> list[Past]:
    """Return the mails with the numbers and subjects of a corrected table; those without a number become none.

    Raises NumberingError.
    """
    rows = {str(row.get("source") or "").strip(): row for row in csv.DictReader(io.StringIO(table))}
    found = []
    for one in past:
        row = rows.get(one.source)
        typed = str(row.get("number") or "").strip() if row else ""
        if not typed:
            continue
        if not typed.isdecimal() or not 0 < int(typed) < 1_000_000:
            raise NumberingError(f"{typed!r} is no number of an issue ({one.subject})")
        subject = str((row or {}).get("subject") or "").strip() or one.subject
        found.append(replace(one, number=int(typed), subject=subject))
    return found


@transaction.atomic
def archive(past: Sequence[Past], now: datetime) -> int:
    """Make an issue of each mail; return how many. All of them or none. Raises NumberingError.

    An issue that comes so carries `imported_at`: planning (in delivery) never makes a mailing of it.
    """
    numbered = [(one.number, one) for one in past if one.number is not None]
    numbers = [number for number, _one in numbered]
    twice = {number for number in numbers if numbers.count(number) > 1}
    used = set(Issue.objects.filter(number__in=numbers).values_list("number", flat=True))
    if twice or used:
        shown = ", ".join(map(str, sorted(twice | used)))
        raise NumberingError(f"these numbers are in use, or stand twice: {shown}")
    posts = {post.source: post for post in Post.objects.filter(source__in=[one.source for _number, one in numbered])}
    for number, one in numbered:
        _make(number, one, posts[one.source], now)
    return len(numbered)


def _make(number: int, one: Past, post: Post, now: datetime) -> None:
    issue = Issue.objects.create(
        number=number,
        subject=single_line(one.subject).strip()[:SUBJECT_MAX] or post.title,
        preheader=single_line(one.preheader).strip()[:PREHEADER_MAX],
        sent_at=one.at,
        imported_at=now,
    )
    IssueItem.objects.create(issue=issue, post=post, form=IssueItem.Form.FULL)
    index_issue(issue)
