"""Cursor pagination: a page begins after the last row of the one before, whatever is added or removed meanwhile."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from ninja import Query, Schema

from newsletter.api.problems import FieldError, Problem
from newsletter.mail import tokens

PAGE_LENGTH, PAGE_LENGTH_MAX = 20, 100
CURSOR_MAX = 400  # characters
SIGNING_PURPOSE = "api cursor"
SIGNATURE_LENGTH = 16  # characters; signed, so that only cursors from our own pages are accepted


class PageQuery(Schema):
    """Which page of a list, in the query of its address."""

    limit: Annotated[int, Query(ge=1, le=PAGE_LENGTH_MAX)] = PAGE_LENGTH
    cursor: Annotated[str, Query(max_length=CURSOR_MAX)] = ""


class PageOf[T](Schema):
    """A page of a list. next: the cursor of the next page; null on the last one."""

    items: list[T]
    next: str | None


@dataclass(frozen=True)
class Page[M: Model]:
    """next_cursor: "" on the last page."""

    rows: list[M]
    next_cursor: str


def paginate[M: Model](rows: QuerySet[M], *, by: str = "pk", limit: int = PAGE_LENGTH, cursor: str = "") -> Page[M]:
    """One page of `rows`, in descending order. by: a unique column. Raises Problem for an invalid cursor."""
    ordered = rows.order_by(f"-{by}")
    if cursor:
        ordered = ordered.filter(**{f"{by}__lt": decode_cursor(cursor, 1)[0]})
    found = list(ordered[: limit + 1])
    is_last = len(found) <= limit
    return Page(found[:limit], "" if is_last else encode_cursor([getattr(found[limit - 1], by)]))


def encode_cursor(values: Sequence[int]) -> str:
    text = urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")
    return f"{text}.{tokens.keyed_digest(SIGNING_PURPOSE, text)[:SIGNATURE_LENGTH]}"


def decode_cursor(cursor: str, length: int) -> list[int]:
    text, _dot, signature = cursor[:CURSOR_MAX].rpartition(".")
    known = [one[:SIGNATURE_LENGTH] for one in tokens.digests(SIGNING_PURPOSE, text)]
    if not signature.isascii() or not any(compare_digest(one, signature) for one in known):
        raise Problem("invalid", errors=[FieldError(_("This is no cursor of ours."), parameter="cursor")])
    values: list[int] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if len(values) != length:
        raise Problem("invalid", errors=[FieldError(_("This cursor belongs to another list."), parameter="cursor")])
    return values
