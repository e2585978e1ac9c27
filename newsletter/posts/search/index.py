"""Full-text search over posts and documents of other packages, with the same hits on SQLite and PostgreSQL.

Chinese has no spaces, so Han is indexed by n-grams. The database maintains the index: SQLite's FTS5 by triggers,
PostgreSQL's tsvector as a generated column. Call `index_post` in the transaction that saves a post; deleting needs no
call.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, cast

from django.db import connection

from newsletter.posts.models import DATES_INDEX_HINT, LISTED_SQL, Post, SearchDocument
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.search.folding import QueryTerm, fold, parse_query, tokenize
from newsletter.posts.search.snippets import SnippetPart, mark_hits, snippet
from newsletter.posts.text.prose import plain_text

FIELD_WEIGHTS = {"folded_title": 6, "folded_tags": 2, "folded_summary": 1}  # per term found in the column
LATIN_WORD, SIMILARITY_MIN = re.compile(r"[A-Za-z][A-Za-z0-9+#-]{2,}"), 0.75
TOKENS_MAX = 60_000  # per document; a tsvector holds 1 MB, and real posts have less than a tenth of this
# The CTE avoids the long columns; they are read only for the rows of the page. For posts, `key` is the post's id.
_PAGE_SQL = """
WITH found AS MATERIALIZED (
  SELECT d.id, {points} AS points, COALESCE(p.published_at, d.published_at) AS at
  FROM posts_searchdocument d LEFT JOIN posts_post p {dates} ON p.id = d.key AND d.kind = 'post'
  WHERE d.id IN ({index}){phrases} AND ({visibility_sql} OR (d.post_id IS NULL AND d.published_at <= %s))
)
SELECT d.id, d.kind, d.key, d.url, d.title, d.summary, d.body, page.at AS published_at, page.total
FROM (
  SELECT id, points, at, (SELECT COUNT(*) FROM found) AS total FROM found
  ORDER BY points DESC, at DESC, id DESC LIMIT %s OFFSET %s
) page JOIN posts_searchdocument d ON d.id = page.id ORDER BY page.points DESC, page.at DESC, page.id DESC
"""


@dataclass(frozen=True)
class Document:
    """A text to index. kind: `post` or `issue`; key: its id."""

    kind: str
    key: int
    url: str
    title: str
    body: str
    published_at: datetime | None
    tags: str = ""
    summary: str = ""


@dataclass(frozen=True)
class SearchResult:
    """A search result; title and snippet are split into plain-text parts, hits marked."""

    kind: str
    key: int
    url: str
    title_parts: list[SnippetPart]
    snippet_parts: list[SnippetPart]
    published_at: datetime


@dataclass(frozen=True)
class ResultPage:
    """A page of results, best first. total: number of results on all pages."""

    results: list[SearchResult]
    total: int


def index_document(document: Document, *, post: Post | None = None) -> None:
    """Insert or replace a document. Its body is plain text, one line per paragraph; without a date it is not found."""
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
        "tokens": " ".join(sorted(set(tokenize(folded["folded"])))[:TOKENS_MAX]),
    }
    SearchDocument.objects.update_or_create(kind=document.kind, key=document.key, defaults=fields | folded)


def index_post(post: Post) -> None:
    """Index a post, also a draft: it is found from its publication on."""
    tags = "、".join(post.tags.values_list("name", flat=True))
    document = Document(
        kind="post",
        key=post.pk,
        url=post.get_absolute_url(),
        title=post.title,
        body=plain_text(post.html),
        published_at=post.published_at,
        tags=tags,
        summary=post.summary,
    )
    index_document(document, post=post)


def remove_document(kind: str, key: int) -> bool:
    """Return whether the document was in the index."""
    deleted, _by_model = SearchDocument.objects.filter(kind=kind, key=key).delete()
    return bool(deleted)


def rebuild_index(others: Iterable[Document] = ()) -> int:
    """Rebuild the index from all posts and `others`; return the number of documents.

    Purges all cached renderings too, so that those of changed and deleted texts go.
    """
    Rendering.objects.all().purge()
    SearchDocument.objects.all().delete()
    for post in Post.objects.order_by("pk").iterator(chunk_size=100):
        index_post(post)
    for document in others:
        index_document(document)
    return SearchDocument.objects.count()


def search(query: str, *, now: datetime, limit: int = 20, offset: int = 0, finds_unlisted: bool = False) -> ResultPage:
    """Documents with all terms of `query`: best match in title, tags or summary first, then newest. One SQL query.

    finds_unlisted: also unlisted posts, for authors.
    """
    wanted = parse_query(query)
    if not wanted:
        return ResultPage([], 0)
    visibility_sql = "p.published_at <= %s" if finds_unlisted else LISTED_SQL
    rows = list(SearchDocument.objects.raw(*_statement(wanted, now, visibility_sql, limit, offset)))
    total = rows[0].total if rows else 0  # type: ignore[attr-defined]
    return ResultPage([_result(row, wanted) for row in rows], total)


def similar_words(query: str, now: datetime) -> list[str]:
    """Up to three Latin words of public titles and tags that are spelt much like `query`."""
    listed = SearchDocument.objects.filter(post__in=Post.objects.listed(now)).values_list("title", "tags")
    known = {word.lower(): word for row in listed for word in LATIN_WORD.findall(" ".join(row))}
    return [known[word] for word in get_close_matches(query.lower(), known, cutoff=SIMILARITY_MIN)]


def _statement(
    wanted: list[QueryTerm], now: datetime, visibility_sql: str, limit: int, offset: int
) -> tuple[str, list[Any]]:
    """SQL and its parameters. visibility_sql: a condition on `posts_post p`."""
    place = _POSITION_FUNCTION[connection.vendor]
    points = [f"CASE WHEN {place}(d.{field}, %s) > 0 THEN {value} ELSE 0 END" for field, value in FIELD_WEIGHTS.items()]
    phrases = [term.text for term in wanted if term.needs_text_check]
    sql = _PAGE_SQL.format(
        points=" + ".join(points * len(wanted)),
        index=INDEX_LOOKUP[connection.vendor],
        phrases=f" AND {place}(d.folded, %s) > 0" * len(phrases),
        dates=DATES_INDEX_HINT[connection.vendor],
        visibility_sql=visibility_sql,
    )
    at = connection.ops.adapt_datetimefield_value(now)
    texts = [term.text for term in wanted for _field in FIELD_WEIGHTS]
    return sql, [*texts, _match_expression(wanted), *phrases, at, at, limit, offset]


def _match_expression(wanted: list[QueryTerm]) -> str:
    both, whole, prefix = MATCH_SYNTAX[connection.vendor]
    found = [whole.format(token) for term in wanted for token in term.whole_tokens]
    found += [prefix.format(token) for term in wanted for token in term.prefixes]
    return both.join(dict.fromkeys(found))


# Of FTS5 and tsquery: “and”, a whole token, and the beginning of one.
MATCH_SYNTAX = {"sqlite": (" AND ", '"{}"', '"{}"*'), "postgresql": (" & ", "'{}'", "'{}':*")}
INDEX_LOOKUP = {
    "sqlite": "SELECT rowid AS id FROM posts_searchindex WHERE posts_searchindex MATCH %s",
    "postgresql": "SELECT posts_searchindex(%s::tsquery) AS id",
}
_POSITION_FUNCTION = {"sqlite": "INSTR", "postgresql": "STRPOS"}


def _result(row: SearchDocument, wanted: list[QueryTerm]) -> SearchResult:
    return SearchResult(
        kind=row.kind,
        key=row.key,
        url=row.url,
        title_parts=mark_hits(row.title, wanted),
        snippet_parts=snippet(row.body, wanted, title=row.title, summary=row.summary),
        published_at=cast("datetime", row.published_at),  # rows without one are not found
    )
