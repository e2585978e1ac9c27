"""Full-text search over posts and what other rooms hand down; the same hits on SQLite and on PostgreSQL.

Chinese has no spaces, so the index holds its characters by ones, twos and threes. It is kept by the database itself
(migration 0002): SQLite's FTS5 by triggers, PostgreSQL's tsvector as a generated column. Whoever
saves a post calls `index_post` in the same transaction; deleting one needs no call.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db import connection

from newsletter.posts.models import BY_DATES, IS_LISTED, Post, SearchDocument
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.search.folding import Term, fold, terms, tokens
from newsletter.posts.search.snippets import Piece, marked, snippet
from newsletter.posts.text.measures import plain

POINTS = {"folded_title": 6, "folded_tags": 2, "folded_summary": 1}  # for each term that occurs there
TOKENS_MAX = 60_000  # of a document; a tsvector holds 1 MB, and no post that is read has a tenth of it
# What stands behind a row's long texts is read for one page only; `key` is the number of the post, and before them.
_PAGE = """
WITH found AS MATERIALIZED (
  SELECT d.id, {points} AS points, COALESCE(p.published_at, d.published_at) AS at
  FROM posts_searchdocument d LEFT JOIN posts_post p {dates} ON p.id = d.key AND d.kind = 'post'
  WHERE d.id IN ({index}){spread} AND ({shown} OR (d.post_id IS NULL AND d.published_at <= %s))
)
SELECT d.id, d.kind, d.key, d.url, d.title, d.summary, d.body, page.at AS published_at, page.total
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


def search(query: str, *, now: datetime, limit: int = 20, offset: int = 0, finds_unlisted: bool = False) -> Found:
    """Return what contains all the words of `query`, those by title, tag or summary first, and then the newest.

    One query. Words in quotes must stand side by side. Punctuation alone finds nothing.
    finds_unlisted: for authors, who know of these posts.
    """
    wanted = terms(query)
    if not wanted:
        return Found([], 0)
    shown = "p.published_at <= %s" if finds_unlisted else IS_LISTED
    rows = list(SearchDocument.objects.raw(*_statement(wanted, now, shown, limit, offset)))
    total = rows[0].total if rows else 0  # type: ignore[attr-defined]
    return Found([_result(row, wanted) for row in rows], total)


def _statement(wanted: list[Term], now: datetime, shown: str, limit: int, offset: int) -> tuple[str, list[Any]]:
    """Return the statement that finds a page of what contains all of `wanted`, and its values.

    shown: a condition about the date of `posts_post p`.
    """
    place = _PLACE[connection.vendor]
    points = [f"CASE WHEN {place}(d.{field}, %s) > 0 THEN {value} ELSE 0 END" for field, value in POINTS.items()]
    spread = [term.text for term in wanted if term.is_spread]
    sql = _PAGE.format(
        points=" + ".join(points * len(wanted)),
        index=IN_INDEX[connection.vendor],
        spread=f" AND {place}(d.folded, %s) > 0" * len(spread),
        dates=BY_DATES[connection.vendor],
        shown=shown,
    )
    at = connection.ops.adapt_datetimefield_value(now)
    texts = [term.text for term in wanted for _field in POINTS]
    return sql, [*texts, _in_index(wanted), *spread, at, at, limit, offset]


def _in_index(wanted: list[Term]) -> str:
    whole = dict.fromkeys(token for term in wanted for token in term.whole)
    prefixes = dict.fromkeys(token for term in wanted for token in term.prefixes)
    return MATCHING[connection.vendor](whole, prefixes)


def _fts5(whole: Iterable[str], prefixes: Iterable[str]) -> str:
    return " AND ".join([f'"{token}"' for token in whole] + [f'"{token}"*' for token in prefixes])


def _tsquery(whole: Iterable[str], prefixes: Iterable[str]) -> str:
    return " & ".join([f"'{token}'" for token in whole] + [f"'{token}':*" for token in prefixes])


MATCHING = {"sqlite": _fts5, "postgresql": _tsquery}
IN_INDEX = {
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
        snippet=snippet(row.body, wanted, title=row.title, summary=row.summary),
        published_at=cast("datetime", row.published_at),  # without one it is not found
    )
