"""Full-text search over posts and what other rooms hand down; the same hits on SQLite and on PostgreSQL.

Chinese has no spaces, so the index holds its characters by ones, twos and threes. It is kept by the database itself
(migration 0002): SQLite's FTS5 by triggers, PostgreSQL's tsvector as a generated column. Whoever
saves a post calls `index_post` in the same transaction; deleting one needs no call.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.core.cache import caches
from django.db import connection

from newsletter.posts.folding import IS_CJK, Term, fold, terms, tokens
from newsletter.posts.models import BY_DATES, Post, SearchDocument
from newsletter.posts.renderings import Rendering
from newsletter.posts.snippets import Piece, marked, snippet
from newsletter.posts.text import plain

POINTS = {"folded_title": 4, "folded_tags": 2, "folded_summary": 1}  # for each term that occurs there
TOKENS_MAX = 60_000  # of a document; a tsvector holds 1 MB, and no post that is read has a tenth of it
RELATED_TOKENS = 24  # of a post, by which its relatives are looked for
COMMON = 300  # documents; a pair that occurs in so many says nothing about any of them
BEGINNING = 3_000  # characters of a post that tell what it is about
RELATED_KEPT, RELATED_SECONDS = 12, 3600  # of a post: some may be withdrawn, new ones may wait an hour

Pair = tuple[str, int, int, Any]  # a token, or one of the labels below, that a post has; how often, and its date
# Labels that are no token: each is made of a character that no text is folded to.
TAGS, NEWEST, ALL = "#tags", "#newest", "#all"
_PAIRS = f"""
SELECT CAST('{TAGS}' AS text), other.post_id, COUNT(*), p.published_at FROM posts_post_tags own
JOIN posts_post_tags other ON other.tag_id = own.tag_id JOIN posts_post p {{by_dates}} ON p.id = other.post_id
WHERE own.post_id = %s AND p.id <> %s AND p.published_at <= %s GROUP BY other.post_id, p.published_at
UNION ALL SELECT * FROM (
  SELECT CAST('{NEWEST}' AS text), id, 1, published_at FROM posts_post
  WHERE id <> %s AND published_at <= %s ORDER BY published_at DESC, id DESC LIMIT {RELATED_KEPT}
) AS newest
UNION ALL SELECT CAST('{ALL}' AS text), 0, COUNT(*), NULL FROM posts_searchdocument
"""  # noqa: S608  # nosec B608
# The posts that have a token; none if it is common, which costs less than to read them. CASE, or else SQLite
# begins with all documents of the kind.
_HOLDERS = f"""
SELECT CAST(%s AS text), p.id, 1, p.published_at
FROM posts_searchdocument d JOIN posts_post p {{by_dates}} ON p.id = CASE d.kind WHEN 'post' THEN d.key END
WHERE d.id IN (
  SELECT id FROM ({{index}} LIMIT {COMMON}) found WHERE (SELECT COUNT(*) FROM ({{index}} LIMIT {COMMON}) few) < {COMMON}
) AND p.id <> %s AND p.published_at <= %s
"""  # noqa: S608  # nosec B608
# What stands behind a row's long texts is read for one page only; `key` is the number of the post, and before them.
_PAGE = """
WITH found AS MATERIALIZED (
  SELECT d.id, {points} AS points, COALESCE(p.published_at, d.published_at) AS at
  FROM posts_searchdocument d LEFT JOIN posts_post p {dates} ON p.id = d.key AND d.kind = 'post'
  WHERE d.id IN ({index}){spread} AND (p.published_at <= %s OR (d.post_id IS NULL AND d.published_at <= %s))
)
SELECT d.id, d.kind, d.key, d.url, d.title, d.summary, d.body, d.folded, page.at AS published_at, page.total
FROM (
  SELECT id, points, at, (SELECT COUNT(*) FROM found) AS total FROM found
  ORDER BY points DESC, at DESC, id DESC LIMIT %s OFFSET %s
) page JOIN posts_searchdocument d ON d.id = page.id ORDER BY page.points DESC, page.at DESC, page.id DESC
"""


@dataclass(frozen=True)
class Document:
    """A text to be found. `kind` and `key` name it: `post` or `issue`, and its id."""

    kind: str
    key: int
    url: str
    title: str
    body: str
    published_at: datetime | None
    tags: str = ""
    summary: str = ""


@dataclass(frozen=True)
class Result:
    """A document that was found, in pieces whose hits are marked; nothing in it is HTML."""

    kind: str
    key: int
    url: str
    title: list[Piece]
    snippet: list[Piece]
    published_at: datetime


@dataclass(frozen=True)
class Found:
    """A page of results, best first, and how many there are in all."""

    results: list[Result]
    total: int


def index(document: Document, *, post: Post | None = None) -> None:
    """Put `document` into the index, in place of what was there under its kind and key.

    body: plain text, a line for each paragraph. A document without a date is found by nobody.
    """
    body = "\n".join(" ".join(line.split()) for line in document.body.splitlines())
    folded = {
        "folded_title": fold(document.title),
        "folded_tags": fold(document.tags),
        "folded_summary": fold(document.summary),
        "folded": "\n".join(map(fold, (document.title, document.tags, document.summary, body))),
    }
    fields = {
        "post": post,
        "url": document.url,
        "title": document.title,
        "tags": document.tags,
        "summary": document.summary,
        "body": body,
        "published_at": document.published_at,
        "tokens": " ".join(sorted(set(tokens(folded["folded"])))[:TOKENS_MAX]),
    }
    SearchDocument.objects.update_or_create(kind=document.kind, key=document.key, defaults=fields | folded)


def index_post(post: Post) -> None:
    """Put `post` into the index, a draft too: it is found from the moment it is published."""
    tags = "、".join(post.tags.values_list("name", flat=True))
    document = Document(
        kind="post",
        key=post.pk,
        url=post.get_absolute_url(),
        title=post.title,
        body=plain(post.html),
        published_at=post.published_at,
        tags=tags,
        summary=post.summary,
    )
    index(document, post=post)


def remove(kind: str, key: int) -> bool:
    """Take a document out of the index; return whether it was there."""
    deleted, _by_model = SearchDocument.objects.filter(kind=kind, key=key).delete()
    return bool(deleted)


def rebuild(others: Iterable[Document] = ()) -> int:
    """Build the index anew from every post and `others`, which rooms above hand down; return how many there are.

    Every post is rendered anew too: what became of texts that were changed or deleted since is let go.
    """
    Rendering.objects.all().forget()
    SearchDocument.objects.all().delete()
    for post in Post.objects.order_by("pk").iterator(chunk_size=100):
        index_post(post)
    for document in others:
        index(document)
    return SearchDocument.objects.count()


def search(query: str, *, now: datetime, limit: int = 20, offset: int = 0) -> Found:
    """Return what contains all the words of `query`; a title counts more than a tag, and then what is newer.

    One query. Words in quotes must stand side by side. Punctuation alone finds nothing.
    """
    wanted = terms(query)
    if not wanted:
        return Found([], 0)
    rows = list(SearchDocument.objects.raw(*_statement(wanted, now, limit=limit, offset=offset)))
    total = rows[0].total if rows else 0  # type: ignore[attr-defined]
    return Found([_result(row, wanted) for row in rows], total)


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


def _statement(wanted: list[Term], now: datetime, *, limit: int, offset: int) -> tuple[str, list[Any]]:
    """Return the statement that finds a page of what contains all of `wanted`, and its values."""
    place = _PLACE[connection.vendor]
    points = [f"CASE WHEN {place}(d.{field}, %s) > 0 THEN {value} ELSE 0 END" for field, value in POINTS.items()]
    spread = [term.text for term in wanted if term.is_spread]
    sql = _PAGE.format(
        points=" + ".join(points * len(wanted)),
        index=_IN_INDEX[connection.vendor],
        spread=f" AND {place}(d.folded, %s) > 0" * len(spread),
        dates=BY_DATES[connection.vendor],
    )
    at = connection.ops.adapt_datetimefield_value(now)
    texts = [term.text for term in wanted for _field in POINTS]
    return sql, [*texts, _in_index(wanted), *spread, at, at, limit, offset]


def _in_index(wanted: list[Term]) -> str:
    whole = dict.fromkeys(token for term in wanted for token in term.whole)
    prefixes = dict.fromkeys(token for term in wanted for token in term.prefixes)
    return _EXPRESSION[connection.vendor](whole, prefixes)


def _fts5(whole: Iterable[str], prefixes: Iterable[str] = ()) -> str:
    return " AND ".join([f'"{token}"' for token in whole] + [f'"{token}"*' for token in prefixes])


def _tsquery(whole: Iterable[str], prefixes: Iterable[str] = ()) -> str:
    return " & ".join([f"'{token}'" for token in whole] + [f"'{token}':*" for token in prefixes])


_EXPRESSION = {"sqlite": _fts5, "postgresql": _tsquery}
_IN_INDEX = {
    "sqlite": "SELECT rowid AS id FROM posts_searchindex WHERE posts_searchindex MATCH %s",
    "postgresql": "SELECT posts_searchindex(%s::tsquery) AS id",
}
_PLACE = {"sqlite": "INSTR", "postgresql": "STRPOS"}


def _result(row: SearchDocument, wanted: list[Term]) -> Result:
    return Result(
        kind=row.kind,
        key=row.key,
        url=row.url,
        title=marked(row.title, wanted),
        snippet=snippet(row.body, wanted, folded=row.folded) if row.body else snippet(row.summary, wanted),
        published_at=cast("datetime", row.published_at),  # without one it is not found
    )


def _salient(post: Post) -> dict[str, int]:
    """Return the words and pairs that tell what `post` is about, with how much one counts: those of its title twice."""
    text = f"{post.title}\n{post.summary}\n{plain(post.html)[:BEGINNING]}"
    counts = Counter(tokens(fold(text)))
    heading = set(tokens(fold(f"{post.title} {post.summary}")))
    telling = filter(_is_telling, counts)
    salient = sorted(telling, key=lambda token: (token not in heading, -counts[token], token))[:RELATED_TOKENS]
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
    """Return whether posts may be alike by `token`: one character is too little, three contain two."""
    return len(token) == 2 if IS_CJK.match(token) else len(token) > 2 and not token.isdigit()


def _pairs(post: Post, wanted: list[str], now: datetime) -> list[Pair]:
    """Return what `related` weighs, by one query: see _PAIRS, and for each token the posts that have it, if few do."""
    by_dates = BY_DATES[connection.vendor]
    one = _HOLDERS.format(index=_IN_INDEX[connection.vendor], by_dates=by_dates)
    expression = _EXPRESSION[connection.vendor]
    at = connection.ops.adapt_datetimefield_value(now)
    values = [post.pk, post.pk, at, post.pk, at]
    values += [value for token in wanted for value in (token, expression([token]), expression([token]), post.pk, at)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([_PAIRS.format(by_dates=by_dates)] + [one] * len(wanted)), values)
        found: list[Pair] = cursor.fetchall()
    return found
