"""Which posts to read after one: by its tags, then by the rare words that they share, then the newest."""

import math
from collections import Counter
from datetime import datetime
from heapq import nsmallest
from typing import Any

from django.core.cache import caches
from django.db import connection

from newsletter.posts.models import BY_DATES, IS_LISTED, Post
from newsletter.posts.search.folding import IS_CJK, fold, tokens
from newsletter.posts.search.index import IN_INDEX, MATCHING
from newsletter.posts.text.measures import plain

TELLING = (2,)  # Han characters: one is too little, three contain two
RELATED_TOKENS = 24  # of a post, by which its relatives are looked for
COMMON = 300  # documents; a pair that occurs in so many says nothing about any of them
BEGINNING = 3_000  # characters of a post that its words are taken from
RELATED_KEPT, RELATED_SECONDS = 12, 3600  # of a post: some may be withdrawn, new ones may wait an hour

Pair = tuple[str, int, int, Any]  # a token, or one of the labels below, that a post has; how often, and its date
# Labels that are no token: each is made of a character that no text is folded to.
TAGS, NEWEST, ALL = "#tags", "#newest", "#all"
_PAIRS = f"""
SELECT CAST('{TAGS}' AS text), other.post_id, COUNT(*), p.published_at FROM posts_post_tags own
JOIN posts_post_tags other ON other.tag_id = own.tag_id JOIN posts_post p {{by_dates}} ON p.id = other.post_id
WHERE own.post_id = %s AND p.id <> %s AND {IS_LISTED} GROUP BY other.post_id, p.published_at
UNION ALL SELECT * FROM (
  SELECT CAST('{NEWEST}' AS text), p.id, 1, p.published_at FROM posts_post p
  WHERE p.id <> %s AND {IS_LISTED} ORDER BY p.published_at DESC, p.id DESC LIMIT {RELATED_KEPT}
) AS newest
UNION ALL SELECT CAST('{ALL}' AS text), 0, COUNT(*), NULL FROM posts_searchdocument
"""  # noqa: S608  # nosec B608  # our own words and numbers
# The posts that have a token; none if it is common, which costs less than to read them. CASE, or else SQLite
# begins with all documents of the kind.
_HOLDERS = f"""
SELECT CAST(%s AS text), p.id, 1, p.published_at
FROM posts_searchdocument d JOIN posts_post p {{by_dates}} ON p.id = CASE d.kind WHEN 'post' THEN d.key END
WHERE d.id IN (
  SELECT id FROM ({{index}} LIMIT {COMMON}) found WHERE (SELECT COUNT(*) FROM ({{index}} LIMIT {COMMON}) few) < {COMMON}
) AND p.id <> %s AND {IS_LISTED}
"""  # noqa: S608  # nosec B608  # our own words and numbers


def related(post: Post, *, now: datetime, limit: int = 3) -> list[int]:
    """Return the numbers of the posts to read after `post`: by shared tags, then by shared rare words, then the newest.

    One query, and some milliseconds to weigh what it found.
    """
    salient = _salient(post)
    pairs = _pairs(post, list(salient), now)
    shared = {key: amount for label, key, amount, _at in pairs if label == TAGS}
    likeness = _likeness(pairs, salient)
    dates = {key: str(at) for _label, key, _amount, at in pairs}  # compared with each other only

    def rank(key: int) -> tuple[int, float, str, int]:
        return shared.get(key, 0), likeness[key], dates[key], key

    alike = sorted(shared.keys() | likeness.keys(), key=rank, reverse=True)
    newest = [key for label, key, _amount, _at in pairs if label == NEWEST]
    return list(dict.fromkeys(alike + newest))[:limit]


def related_lately(number: int) -> list[int] | None:
    """Return what was related to the post of this number at most an hour ago, and is perhaps no longer published.

    None if nobody asked: `relate` then.
    """
    known: list[int] | None = caches["pages"].get(f"related:{number}")
    return known


def relate(post: Post, *, now: datetime) -> list[int]:
    """Return what is related to `post`, more than a page needs, and remember it for `related_lately`."""
    found = related(post, now=now, limit=RELATED_KEPT)
    caches["pages"].set(f"related:{post.pk}", found, RELATED_SECONDS)
    return found


def _salient(post: Post) -> dict[str, int]:
    """Return the words and pairs that `post` is about, with how much one counts: those of its title twice."""
    text = f"{post.title}\n{post.summary}\n{plain(post.html)[:BEGINNING]}"
    counts = Counter(tokens(fold(text), TELLING))
    heading = set(tokens(fold(f"{post.title} {post.summary}"), TELLING))
    salient = nsmallest(
        RELATED_TOKENS, filter(_is_telling, counts), key=lambda token: (token not in heading, -counts[token], token)
    )
    return {token: 2 if token in heading else 1 for token in salient}


def _likeness(pairs: list[Pair], salient: dict[str, int]) -> Counter[int]:
    """Return how alike other posts are: the sum of the rarity of what they share."""
    number = next(amount for label, _key, amount, _at in pairs if label == ALL)
    holders: dict[str, list[int]] = {}
    for token, key, _amount, _at in pairs:
        if token in salient:
            holders.setdefault(token, []).append(key)
    likeness: Counter[int] = Counter()
    for token, keys in holders.items():
        likeness.update(dict.fromkeys(keys, salient[token] * math.log((number + 1) / len(keys))))
    return likeness


def _is_telling(token: str) -> bool:
    """Return whether posts may be alike by a Latin `token`, or by two Han characters."""
    return (len(token) > 2 and not token.isdigit()) or bool(IS_CJK.match(token))


def _pairs(post: Post, wanted: list[str], now: datetime) -> list[Pair]:
    """Return what `related` weighs, by one query: see _PAIRS, and for each token the posts that have it, if few do."""
    by_dates = BY_DATES[connection.vendor]
    one = _HOLDERS.format(index=IN_INDEX[connection.vendor], by_dates=by_dates)
    expression = MATCHING[connection.vendor]
    at = connection.ops.adapt_datetimefield_value(now)
    values = [post.pk, post.pk, at, post.pk, at]
    values += [value for token in wanted for value in (token, expression([token]), expression([token]), post.pk, at)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([_PAIRS.format(by_dates=by_dates)] + [one] * len(wanted)), values)
        found: list[Pair] = cursor.fetchall()
    return found
