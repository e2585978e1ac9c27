"""Posts, issues and the publication as files that people read: Markdown with front matter, letters as they were sent.

    posts/0128-words.md            front matter, then the text as it was typed
    issues/0042/issue.yaml         number, subject, dates, and which posts it has
    issues/0042/introduction.md    and closing.md
    issues/0042/letter.html        and letter.txt: as it left, around what differed from reader to reader

Of a second mailing of an issue, or a correction, the letter has the name of its kind and number.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from django.db import models

from newsletter.issues.models import Issue, IssueItem
from newsletter.moving.folder import layout, sheets
from newsletter.moving.folder.layout import Damaged, dump_yaml
from newsletter.moving.folder.sheets import CellError, Field
from newsletter.posts.models import Post

FACTS_BYTES = 4 * 1024**2
PLAIN = ("BooleanField", "JSONField")  # as YAML has them
SETTINGS = "settings.yaml"
# What front matter is called elsewhere; all other columns keep their names.
NAMES = {
    "words": "slug",
    "published_at": "date",
    "updated_at": "lastmod",
    "created_by_id": "author",
    "cover_id": "cover",
    "series_id": "series",
}
PARTS = ("introduction", "closing")


def issue_folder(number: int) -> str:
    return f"issues/{number:04}"


def letter_file(issue_number: int, kind: str, number: int, form: str) -> str:
    """form: html or txt."""
    which = "" if (kind, number) == ("issue", 1) else f"-{kind}-{number}"
    return f"{issue_folder(issue_number)}/letter{which}.{form}"


def reply_file(pk: int) -> str:
    return f"replies/{pk}.eml"


# --- Rows as YAML ---


def row_data(row: models.Model, leaving_out: Sequence[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.attname not in leaving_out and (field.attname != "trashed_at" or getattr(row, field.attname)):
            found[NAMES.get(field.attname, field.attname)] = _plain(field, getattr(row, field.attname))
    return found


def _plain(field: Field, value: Any) -> Any:
    if value is None or isinstance(value, int) or field.get_internal_type() in PLAIN:
        return value
    return str(value) if field.get_internal_type() in sheets.TEXTS else sheets.cell_writer(field)(value)


def row_values(data: Mapping[str, Any], fields: Sequence[Field], file: str) -> list[Any]:
    """Values in the order of `fields`, of what `row_data` wrote; a missing one is the default.

    Raises Damaged for what no field is called, or could hold.
    """
    names = {NAMES.get(field.attname, field.attname): field for field in fields}
    if unknown := [name for name in data if name not in names and name not in sheets.DROPPED_COLUMNS]:
        raise Damaged(f"{file} says {str(unknown[0])[:80]!r}, which this version does not know: update first")
    try:
        return [_value(field, data[name]) if name in data else field.get_default() for name, field in names.items()]
    except CellError as error:
        raise Damaged(f"{file}: {error}") from None


def _value(field: Field, data: Any) -> Any:
    kind = field.get_internal_type()
    if kind in PLAIN or (data is None and field.null):
        return data
    if kind in sheets.TEXTS:
        if not isinstance(data, str):
            raise CellError(f"{field.attname}: {data!r:.80}")
        return data
    return sheets.cell_parser(field)(str(data))


def load_yaml(text: str, file: str, first: int = 1) -> dict[str, Any]:
    """Parse YAML. Raises Damaged."""
    return layout.parse_yaml(text, file, yaml.CSafeLoader, first=first)


# --- Posts ---


def written_post(post: Post, tags: Sequence[str], cover: str | None, author: str | None) -> bytes:
    """cover: its address; author: the username of the account that created it."""
    series = {"series": post.series.title, "series_number": post.series_number} if post.series else {}
    facts = row_data(post, leaving_out=["body", "series_id", "series_number"])
    data = facts | {"cover": cover, "author": author} | series | {"tags": list(tags)}
    return f"---\n{dump_yaml(data)}---\n{post.body}".encode()


def read_post(octets: bytes, file: str) -> tuple[dict[str, Any], str]:
    head, body = layout.split_front_matter(octets, file)
    return load_yaml(head, file, 2), body


# --- Issues ---


def written_issue(issue: Issue, items: Sequence[IssueItem]) -> dict[str, bytes]:
    posts = [{"post": item.post_id, "position": item.position, "form": item.form} for item in items]
    data = row_data(issue, leaving_out=PARTS) | {"posts": posts}
    folder = issue_folder(issue.number) + (f"-trash-{issue.pk}" if issue.trashed_at else "")
    parts = {f"{folder}/{part}.md": getattr(issue, part).encode() for part in PARTS}
    return {f"{folder}/issue.yaml": dump_yaml(data).encode()} | parts
