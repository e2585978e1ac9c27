"""The tables of a Ghost export, whatever envelope they are in. Its posts lie in a file, not in memory."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from newsletter.posts.importers.imported import Rejected
from newsletter.posts.importers.spool import Spool

type Row = dict[str, Any]

# What is read beside posts; others hold revisions of all texts, and what readers did.
TABLES = {"settings", "posts_meta", "emails", "tags", "posts_tags", "users", "authors", "posts_authors"}
MARKS = {"html", "lexical", "mobiledoc", "markdown", "plaintext"}  # every post of Ghost has one of them


@dataclass(frozen=True)
class Export:
    """Rows by table; those of posts by themselves, for they are nearly all of it."""

    posts: Spool[Row] = field(default_factory=Spool)
    tables: dict[str, list[Row]] = field(default_factory=dict)

    def rows(self, name: str) -> list[Row]:
        return self.tables.get(name, [])

    @property
    def has_texts(self) -> bool:
        """Return whether its posts are texts: lists of another name's make are called posts too."""
        return any(MARKS & set(row) for row in self.posts)

    @cached_property
    def settings(self) -> dict[str, str]:
        return {str(row.get("key")): str(row.get("value") or "") for row in self.rows("settings")}

    @cached_property
    def meta(self) -> dict[str, Row]:
        """Return by post what is said of it beside its text: description, e-mail subject."""
        return {str(row.get("post_id")): row for row in self.rows("posts_meta")}

    @cached_property
    def emails(self) -> dict[str, Row]:
        return {str(row.get("post_id")): row for row in self.rows("emails")}

    def names_of(self, link: str, key: str, table: str, post: Row) -> list[str]:
        """Return the names of what a post is joined to, in order: its tags, its authors."""
        return [str(row["name"]).strip() for row in self.joined(link, key, table, post)]

    def joined(self, link: str, key: str, table: str, post: Row) -> list[Row]:
        """Return the rows that a post is joined to and that readers see, in order."""
        given = post.get(table) if isinstance(post.get(table), list) else None
        rows = (
            given
            if given is not None
            else [self._by_id(table).get(one, {}) for one in self._links(link, key)[str(post.get("id"))]]
        )
        plain = (_plain(row) for row in rows)
        return [row for row in plain if row.get("name") and not _is_internal(row)]

    def _by_id(self, table: str) -> dict[str, Row]:
        found = self.__dict__.get(f"_{table}")
        if found is None:
            found = self.__dict__[f"_{table}"] = {str(row.get("id")): row for row in self.rows(table)}
        return found

    def _links(self, link: str, key: str) -> dict[str, list[str]]:
        found = self.__dict__.get(f"_links_{link}")
        if found is None:
            rows = sorted(self.rows(link), key=lambda row: int(row.get("sort_order") or 0))
            found = defaultdict(list)
            for row in rows:
                found[str(row.get("post_id"))].append(str(row.get(key)))
            self.__dict__[f"_links_{link}"] = found
        return found


def _is_internal(row: Row) -> bool:
    """Return whether a tag is one that readers never see: those whose name begins with #."""
    return row.get("visibility") == "internal" or str(row.get("name") or "").startswith("#")


def _plain(row: Any) -> Row:
    inner = row.get("data", row) if isinstance(row, dict) else {"name": row}
    return inner if isinstance(inner, dict) else {}


def read(text: str) -> Export:
    """Return the tables of an export: `{"db":[{"data":…}]}`, `{"data":…}`, the API's `{"posts":…}`, or a list of posts.

    Raises Rejected.
    """
    kept = Spool[Row]()

    def put_away(row: Row) -> Row | _Kept:
        """Keep a text in the file as soon as it is read: never are all of them in memory."""
        if not MARKS & row.keys() or not {"slug", "title"} & row.keys():
            return row
        kept.append(row)
        return _Kept(len(kept) - 1)

    try:
        whole = json.loads(text, object_hook=put_away)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"it is no JSON: {error}") from error
    for found in _envelopes(whole):
        posts = found.get("posts")
        if isinstance(posts, list):
            tables = {
                name: [_without_texts(_plain(_found(row, kept))) for row in rows if row]
                for name, rows in found.items()
                if name in TABLES and isinstance(rows, list)
            }
            rows = (_with_url(_found(row, kept), kept) for row in posts if isinstance(row, dict | _Kept))
            return Export(Spool(rows), tables)
    raise Rejected("it has no posts of Ghost in it")


def _without_texts(row: Row) -> Row:
    """Return a row that is no post; each mail has its whole text once more."""
    return {key: value for key, value in row.items() if key not in MARKS}


@dataclass(frozen=True)
class _Kept:
    """Stands for a row that was put away. number: its place in the file."""

    number: int


def _found(row: Any, kept: Spool[Row]) -> Any:
    return kept[row.number] if isinstance(row, _Kept) else row


def _with_url(row: Row, kept: Spool[Row]) -> Row:
    """Return a post of TryGhost/migrate's form flat, its old address kept."""
    inner = _found(row.get("data"), kept)
    return {**inner, "url": row.get("url")} if isinstance(inner, dict) else row


def _envelopes(whole: Any) -> Iterator[Row]:
    if isinstance(whole, list):
        yield {"posts": whole}
    if not isinstance(whole, dict):
        return
    db = whole.get("db")
    for one in db if isinstance(db, list) else [db]:
        if isinstance(one, dict):
            yield from _envelopes(one)
    for name in ("data", "result"):
        inner = whole.get(name)
        if isinstance(inner, dict | list):
            yield from _envelopes(inner)
    yield whole
