"""Sets attributes of issues for lists: posts, reading time, first sentences; and all issues of a year."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.issues.models import Issue, IssueItem
from newsletter.mail.salutations import fill_name_slots_with_fallbacks
from newsletter.posts.markdown import render
from newsletter.posts.models import Post, attach_renderings
from newsletter.posts.models.posts import post_path
from newsletter.posts.text import prose
from newsletter.publication.models import Publication

OPENING_LENGTH = 70  # characters: two lines


def attach_contents(issues: Iterable[Issue], now: datetime) -> list[Issue]:
    """Set post_count, reading_minutes, contents and cover_id by the public posts.

    Two queries for any number of issues, if all posts are rendered.
    """
    issues = list(issues)
    public = IssueItem.objects.filter(issue__in=issues, post__published_at__lte=now)
    rows = defaultdict[int, list[tuple[int, int | None, str, str]]](list)
    names = ("issue_id", "post_id", "post__cover", "post__words", "post__title")
    for issue_number, pk, cover, words, title in public.values_list(*names):
        rows[issue_number].append((pk, cover, words, title))
    for issue in issues:
        issue.contents = [(post_path(pk, words), title) for pk, _cover, words, title in rows[issue.pk]]
        issue.cover_id = next((cover for _pk, cover, *_words in rows[issue.pk] if cover), None)
    return _attach_reading_minutes(issues, {issue.pk: [pk for pk, *_rest in rows[issue.pk]] for issue in issues})


def attach_reading_minutes(issues: Iterable[Issue]) -> list[Issue]:
    """Set post_count and reading_minutes by prefetched items; one query."""
    issues = list(issues)
    return _attach_reading_minutes(issues, {issue.pk: [item.post_id for item in issue.items.all()] for issue in issues})


def _attach_reading_minutes(issues: list[Issue], posts: Mapping[int, Sequence[int]]) -> list[Issue]:
    numbers = {number for some in posts.values() for number in some}
    texts = attach_renderings(Post.objects.filter(pk__in=numbers).only("body")) if numbers else []
    renderings = {post.pk: post.rendering for post in texts}
    publication = Publication.objects.current()
    for issue in issues:
        own = [renderings[number] for number in posts[issue.pk] if number in renderings]
        issue.post_count = len(posts[issue.pk])
        han, words = sum(one.han_count for one in own), sum(one.word_count for one in own)
        issue.reading_minutes = prose.minutes_to_read(han, words, publication)
    return issues


@dataclass(frozen=True)
class Volume:
    """All issues of a year, oldest first, with contents and `opening`; never empty."""

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


def year_volume(year: int, now: datetime) -> Volume | None:
    """None if nothing was sent in `year`."""
    archived = Issue.objects.archived()
    issues = attach_openings(attach_contents(archived.in_year(year).defer("closing"), now))
    return Volume(year, issues, *archived.years_beside(year)) if issues else None


def first_sentences(introduction: str) -> str:
    """The first complete sentences of the first paragraph."""
    html = render.render(introduction.strip().partition("\n\n")[0])
    return prose.excerpt(fill_name_slots_with_fallbacks(html), OPENING_LENGTH)


def attach_openings(issues: Iterable[Issue]) -> list[Issue]:
    issues = list(issues)
    for issue in issues:
        issue.opening = issue.preheader or first_sentences(issue.introduction)
    return issues
