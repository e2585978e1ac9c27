"""How many posts issues have, and how long they take to read, without loading their texts each time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from django.core.cache import caches

from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post, with_renderings
from newsletter.posts.models.posts import address
from newsletter.posts.text import measures
from newsletter.publication.models import Publication

KEPT_SECONDS = 24 * 3600

Version = tuple[int, datetime]  # a post's number, and when it was changed
Length = tuple[int, int]  # Han characters, and words in other scripts


def lengths(contents: Mapping[int, Sequence[Version]]) -> dict[int, Length]:
    """Return the length of each issue by its number; contents: which posts it has. Only what changed is read again."""
    keys = {issue: f"length:{_digest(versions)}" for issue, versions in contents.items()}
    known: dict[str, Length] = caches["pages"].get_many(keys.values())
    missing = {issue: contents[issue] for issue, key in keys.items() if key not in known}
    new = {keys[issue]: length for issue, length in _read(missing).items()}
    caches["pages"].set_many(new, KEPT_SECONDS)
    return {issue: (known | new)[key] for issue, key in keys.items()}


def _digest(versions: Iterable[Version]) -> str:
    text = ",".join(f"{number}:{changed_at.timestamp()}" for number, changed_at in versions)
    return sha256(text.encode()).hexdigest()


def _read(contents: Mapping[int, Sequence[Version]]) -> dict[int, Length]:
    """Return the lengths of issues by the texts of their posts."""
    numbers = {number for versions in contents.values() for number, _changed_at in versions}
    posts = with_renderings(Post.objects.filter(pk__in=numbers)) if numbers else []
    read = {post.pk: (post.rendering.han_count, post.rendering.word_count) for post in posts}
    found = {issue: [read.get(number, (0, 0)) for number, _at in versions] for issue, versions in contents.items()}
    return {issue: (sum(han for han, _w in each), sum(words for _h, words in each)) for issue, each in found.items()}


def measured(issues: Iterable[Issue], now: datetime) -> list[Issue]:
    """Return `issues` with `post_count`, `reading_minutes` and `cover_id` of the posts that readers may see; one query.

    cover_id: of the first post that has a cover; None if none has.
    """
    issues = list(issues)
    public = IssueItem.objects.filter(issue__in=issues, post__published_at__lte=now)
    rows = list(public.values_list("issue_id", "post_id", "post__updated_at", "post__cover"))
    covers = {issue: cover for issue, _post, _at, cover in reversed(rows) if cover}
    for issue in issues:
        issue.cover_id = covers.get(issue.pk)
    return _with_measures(issues, [(issue, (post, changed_at)) for issue, post, changed_at, _cover in rows])


def with_contents(issues: Iterable[Issue], now: datetime) -> list[Issue]:
    """Do what `measured` does, and set the `contents`; one query, and no row of a post."""
    issues = list(issues)
    public = IssueItem.objects.filter(issue__in=issues, post__published_at__lte=now)
    rows = public.values_list("issue_id", "post_id", "post__updated_at", "post__words", "post__title")
    contents = defaultdict[int, list[tuple[str, str]]](list)
    places = []
    for issue_number, post_number, changed_at, words, title in rows:
        contents[issue_number].append((address(post_number, words), title))
        places.append((issue_number, (post_number, changed_at)))
    for issue in issues:
        issue.contents = contents[issue.pk]
    return _with_measures(issues, places)


def with_minutes(issues: Iterable[Issue]) -> list[Issue]:
    """Do what `measured` does for issues that have their items at hand; no query."""
    issues = list(issues)
    items = [item for issue in issues for item in issue.items.all()]
    return _with_measures(issues, [(item.issue_id, (item.post_id, item.post.updated_at)) for item in items])


def _with_measures(issues: list[Issue], places: list[tuple[int, Version]]) -> list[Issue]:
    contents = dict[int, list[Version]]({issue.pk: [] for issue in issues})
    for issue_number, version in places:
        contents[issue_number].append(version)
    found = lengths(contents)
    publication = Publication.objects.current()
    for issue in issues:
        han, words = found[issue.pk]
        issue.post_count = len(contents[issue.pk])
        issue.reading_minutes = measures.minutes(
            han, words, han_per_minute=publication.han_per_minute, words_per_minute=publication.words_per_minute
        )
    return issues
