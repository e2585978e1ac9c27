"""How many posts issues have, and how long they take to read, without loading their texts each time."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.core.cache import caches

from newsletter.issues.models import Issue, IssueItem
from newsletter.posts import text
from newsletter.posts.models import Post, address, with_renderings
from newsletter.publication.models import Publication

KEPT_SECONDS = 24 * 3600

Version = tuple[int, datetime]  # a post's number, and when it was changed
Length = tuple[int, int]  # Han characters, and words in other scripts


def lengths(versions: Iterable[Version]) -> dict[int, Length]:
    """Return the length of each post by its number; a text is loaded only when it has changed."""
    keys = {f"length:{number}:{changed_at.timestamp()}": number for number, changed_at in versions}
    found: dict[str, Length] = caches["pages"].get_many(keys)
    if missing := keys.keys() - found.keys():
        read = with_renderings(Post.objects.filter(pk__in=[keys[key] for key in missing]))
        measured = {post.pk: (post.rendering.han_count, post.rendering.word_count) for post in read}
        new = {key: measured[keys[key]] for key in missing if keys[key] in measured}
        caches["pages"].set_many(new, KEPT_SECONDS)
        found |= new
    return {keys[key]: length for key, length in found.items()}


def measured(issues: Iterable[Issue], now: datetime) -> list[Issue]:
    """Return `issues` with `post_count` and `reading_minutes` of the posts that readers may see; one query."""
    issues = list(issues)
    public = IssueItem.objects.filter(issue__in=issues, post__published_at__lte=now)
    places = public.values_list("issue_id", "post_id", "post__updated_at")
    return _with_measures(issues, [(issue, (post, changed_at)) for issue, post, changed_at in places])


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
    found = lengths(version for _issue, version in places)
    publication = Publication.objects.current()
    posts = defaultdict[int, list[int]](list)
    for issue_number, (post_number, _changed_at) in places:
        posts[issue_number].append(post_number)
    for issue in issues:
        read = [found[number] for number in posts[issue.pk] if number in found]
        han, words = sum(han for han, _words in read), sum(words for _han, words in read)
        issue.post_count = len(posts[issue.pk])
        issue.reading_minutes = text.minutes(
            han, words, han_per_minute=publication.han_per_minute, words_per_minute=publication.words_per_minute
        )
    return issues
