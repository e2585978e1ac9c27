"""Posts, issues and the publication as files for people: Markdown with front matter, and letters as they were sent."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from django.db import models

from newsletter.issues.models import Issue, IssueItem
from newsletter.moving.folder import layout, sheets
from newsletter.moving.folder.layout import FolderError, dump_yaml
from newsletter.moving.folder.sheets import CellError, Field
from newsletter.posts.models import Post

FACTS_BYTES = 4 * 1024**2
PLAIN = ("BooleanField", "JSONField")  # as YAML has them
SETTINGS = "settings.yaml"
# The keys of columns that front matter calls otherwise elsewhere.
KEYS = {"words": "slug", "published_at": "date", "updated_at": "lastmod"}
KEYS |= {"created_by_id": "author", "cover_id": "cover", "series_id": "series"}
PARTS = ("introduction", "closing")


def issue_folder(number: int) -> str:
    return f"issues/{number:04}"


def letter_file(issue_number: int, kind: str, number: int, form: str) -> str:
    """form: html or txt."""
    which = "" if (kind, number) == ("issue", 1) else f"-{kind}-{number}"
    return f"{issue_folder(issue_number)}/letter{which}.{form}"


def reply_file(pk: int) -> str:
    return f"replies/{pk}.eml"


def row_data(row: models.Model, leaving_out: Sequence[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.attname not in leaving_out and (field.attname != "trashed_at" or getattr(row, field.attname)):
            found[KEYS.get(field.attname, field.attname)] = _plain(field, getattr(row, field.attname))
    return found


def _plain(field: Field, value: Any) -> Any:
    kind = field.get_internal_type()
    is_plain = value is None or isinstance(value, int) or kind in PLAIN
    return value if is_plain else str(value) if kind in sheets.TEXTS else sheets.cell_writer(field)(value)


def row_values(data: Mapping[str, Any], fields: Sequence[Field], file: str) -> list[Any]:
    """Values in the order of `fields`; a missing one is the default. Raises FolderError for unknown keys."""
    names = {KEYS.get(field.attname, field.attname): field for field in fields}
    if unknown := [name for name in data if name not in names and name not in sheets.DROPPED_COLUMNS]:
        raise FolderError(f"{file} says {str(unknown[0])[:80]!r}, which this version does not know: update first")
    try:
        return [_value(field, data[name]) if name in data else field.get_default() for name, field in names.items()]
    except CellError as error:
        raise FolderError(f"{file}: {error}") from None


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
    """Parse YAML. Raises FolderError."""
    return layout.parse_yaml(text, file, yaml.CSafeLoader, first=first)


def written_post(post: Post, tags: Sequence[str], cover: str | None, author: str | None) -> bytes:
    """cover: its address; author: the username of the account that created it."""
    series = {"series": post.series.title, "series_number": post.series_number} if post.series else {}
    facts = row_data(post, leaving_out=["body", "series_id", "series_number"])
    data = facts | {"cover": cover, "author": author} | series | {"tags": list(tags)}
    return f"---\n{dump_yaml(data)}---\n{post.body}".encode()


def read_post(octets: bytes, file: str) -> tuple[dict[str, Any], str]:
    head, body = layout.split_front_matter(octets, file)
    return load_yaml(head, file, 2), body


def written_issue(issue: Issue, items: Sequence[IssueItem]) -> dict[str, bytes]:
    posts = [{"post": item.post_id, "position": item.position, "form": item.form} for item in items]
    data = row_data(issue, leaving_out=PARTS) | {"posts": posts}
    folder = issue_folder(issue.number) + (f"-trash-{issue.pk}" if issue.trashed_at else "")
    parts = {f"{folder}/{part}.md": getattr(issue, part).encode() for part in PARTS}
    return {f"{folder}/issue.yaml": dump_yaml(data).encode()} | parts
