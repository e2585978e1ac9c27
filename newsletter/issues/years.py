"""A year of issues, bound as a volume: how each begins, and what they hold together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import caches

from newsletter.issues.lengths import KEPT_SECONDS, with_contents
from newsletter.issues.models import Issue
from newsletter.mail.text.salutations import without_names
from newsletter.posts.markdown import render
from newsletter.posts.text import measures

OPENING_LENGTH = 70  # characters: two lines


@dataclass(frozen=True)
class Volume:
    """The issues of a year in the order of their sending, with their contents and `opening`; never empty."""

    year: int
    issues: list[Issue]
    older_year: int | None
    newer_year: int | None

    @property
    def post_count(self) -> int:
        return sum(issue.post_count for issue in self.issues)

    @property
    def minutes(self) -> int:
        return sum(issue.reading_minutes for issue in self.issues)


def bound(year: int, now: datetime) -> Volume | None:
    """Return what was sent in `year`; None if that is nothing. Three queries."""
    archived = Issue.objects.archived()
    issues = with_openings(with_contents(archived.in_year(year).defer("closing"), now))
    return Volume(year, issues, *archived.years_beside(year)) if issues else None


def opening(introduction: str) -> str:
    """Return the first whole sentences of an introduction; only what stands before its first empty line is read."""
    return measures.excerpt(without_names(render.render(introduction.strip().partition("\n\n")[0])), OPENING_LENGTH)


def with_openings(issues: Iterable[Issue]) -> list[Issue]:
    """Return `issues` with `opening`: the author's own line for inboxes, or how the introduction begins.

    Only an introduction that has changed is read again.
    """
    issues = list(issues)
    keys = {issue.pk: f"opening:{issue.pk}:{issue.updated_at.timestamp()}" for issue in issues if not issue.preheader}
    known: dict[str, str] = caches["pages"].get_many(keys.values())
    new = {keys[i.pk]: opening(i.introduction) for i in issues if i.pk in keys and keys[i.pk] not in known}
    caches["pages"].set_many(new, KEPT_SECONDS)
    for issue in issues:
        issue.opening = issue.preheader or (known | new)[keys[issue.pk]]
    return issues
