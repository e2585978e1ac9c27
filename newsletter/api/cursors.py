"""Pages of a list: each begins behind the last row of the one before it, however many rows come and go meanwhile."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Annotated, Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from ninja import Query, Schema

from newsletter.api.problems import Error, Problem
from newsletter.mail import tokens

LIMIT, LIMIT_MAX = 20, 100
CURSOR_MAX = 400  # characters
PURPOSE = "api cursor"
SIGNATURE = 16  # characters: our own cursors alone are read, so that nobody asks for a place that no page has named


class Paging(Schema):
    """Which page of a list, in the query of its address."""

    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT
    cursor: Annotated[str, Query(max_length=CURSOR_MAX)] = ""


class PageOf[T](Schema):
    """A page as it is answered. next: the cursor of the page behind it; null if it is the last."""

    items: list[T]
    next: str | None


@dataclass(frozen=True)
class Page[M: Model]:
    """The rows of a page, and the cursor of the one behind it; "" if it is the last."""

    rows: list[M]
    next: str


def page_of[M: Model](
    rows: QuerySet[M], *, by: Sequence[str] = ("pk",), limit: int = LIMIT, cursor: str = ""
) -> Page[M]:
    """Return a page of `rows`, the highest first.

    by: the names of columns that give the order, the last of them unique, none of them null. An index must have them.
    Raises a Problem for a cursor that is not ours.
    """
    ordered = rows.order_by(*(f"-{name}" for name in by))
    if cursor:
        ordered = ordered.filter(_behind(by, read(cursor, len(by))))
    found = list(ordered[: limit + 1])
    is_last = len(found) <= limit
    return Page(found[:limit], "" if is_last else written([getattr(found[limit - 1], name) for name in by]))


def _behind(by: Sequence[str], values: Sequence[Any]) -> Q:
    lower = Q(**{f"{by[-1]}__lt": values[-1]})
    for name, value in zip(reversed(by[:-1]), reversed(values[:-1]), strict=True):
        lower = Q(**{f"{name}__lte": value}) & (Q(**{f"{name}__lt": value}) | lower)
    return lower


def written(values: Sequence[Any]) -> str:
    plain = [{"at": one.isoformat()} if isinstance(one, datetime) else one for one in values]
    text = urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{text}.{tokens.digest(PURPOSE, text)[:SIGNATURE]}"


def read(cursor: str, length: int) -> list[Any]:
    text, _dot, signature = cursor[:CURSOR_MAX].rpartition(".")
    known = [one[:SIGNATURE] for one in tokens.digests(PURPOSE, text)]
    if not signature.isascii() or not any(compare_digest(one, signature) for one in known):
        raise Problem("invalid", errors=[Error(_("This is no cursor of ours."), parameter="cursor")])
    values = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if len(values) != length:
        raise Problem("invalid", errors=[Error(_("This cursor belongs to another list."), parameter="cursor")])
    return [datetime.fromisoformat(one["at"]) if isinstance(one, dict) else one for one in values]
