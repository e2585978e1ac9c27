"""How long posts and issues take to read, without loading their texts each time."""

from collections.abc import Iterable

from django.core.cache import caches

from newsletter.issues.models import Issue
from newsletter.posts import text
from newsletter.posts.models import Post, with_renderings
from newsletter.publication.models import Publication

KEPT_SECONDS = 24 * 3600

Length = tuple[int, int]  # Han characters, and words in other scripts


def lengths(posts: Iterable[Post]) -> dict[int, Length]:
    """Return the length of each post by its number; a text is loaded only when it has changed."""
    keys = {f"length:{post.pk}:{post.updated_at.timestamp()}": post.pk for post in posts}
    found: dict[str, Length] = caches["pages"].get_many(keys)
    if missing := keys.keys() - found.keys():
        read = with_renderings(Post.objects.filter(pk__in=[keys[key] for key in missing]))
        measured = {post.pk: (post.rendering.han_count, post.rendering.word_count) for post in read}
        new = {key: measured[keys[key]] for key in missing if keys[key] in measured}
        caches["pages"].set_many(new, KEPT_SECONDS)
        found |= new
    return {keys[key]: length for key, length in found.items()}


def with_minutes(issues: Iterable[Issue]) -> list[Issue]:
    """Return `issues`, which have their items at hand, with `reading_minutes`: those of all their posts."""
    issues = list(issues)
    publication = Publication.objects.current()
    found = lengths(item.post for issue in issues for item in issue.items.all())
    for issue in issues:
        read = [found[item.post_id] for item in issue.items.all() if item.post_id in found]
        han, words = sum(han for han, _words in read), sum(words for _han, words in read)
        issue.reading_minutes = text.minutes(
            han, words, han_per_minute=publication.han_per_minute, words_per_minute=publication.words_per_minute
        )
    return issues
