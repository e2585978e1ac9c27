"""Buttondown's export: emails.csv or emails.json, and a file of Markdown (or of its fancy HTML) for each mail."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from functools import partial
from typing import Any, Self

from django.utils.text import slugify

from newsletter.moving.converters.addresses import links_of
from newsletter.moving.converters.converter import ConvertedPost, Converter
from newsletter.moving.converters.files import Files, Rejected
from newsletter.moving.converters.html.converting import Converted, convert_html
from newsletter.moving.converters.markdown.marks import without_hidden_html
from newsletter.moving.counting import Counts, count_html, count_markdown
from newsletter.moving.folder.layout import Mailed, Remark
from subscribers.importers.dates import parse_datetime

SENT = {"sent", "imported", "resending", ""}
SCHEDULED = {"scheduled", "about_to_send"}  # at its date it is public here; it is not mailed
CLOSED = {"private", "premium", "hidden"}
_MODE = re.compile(r"\A\s*<!--\s*buttondown-editor-mode:\s*(?P<mode>\w+)\s*-->\s*")
_HTML = re.compile(r"<(?:p|h[1-6]|ul|ol|div|blockquote|figure|table)[\s>]", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{[^{}\n]{1,200}\}\}|\{%[^%\n]{1,200}%\}")
_POST = re.compile(r"https://buttondown\.(?:com|email)/[\w-]{1,100}/archive/([\w-]{1,200})")

type Row = dict[str, Any]


class Buttondown(Converter):
    """Mails of Buttondown, which are posts here: each has its subject for a title."""

    program = "Buttondown"

    def __init__(self, files: Files, zone: tzinfo, site_url: str = "", *, rows: list[Row]) -> None:
        super().__init__(files, zone, site_url)
        self.sources = {str(row.get("slug")): _source(row) for row in rows}
        self.rows = rows

    @classmethod
    def open(cls, files: Files, zone: tzinfo, site_url: str = "") -> Self | None:
        tables = files.names if files.is_single_file else [files.ending_in(f"emails.{one}") for one in ("json", "csv")]
        for name in filter(None, tables):
            if b"subject" in files.head(name, 100_000) and (rows := rows_of(files.text(name))):
                return cls(files, zone, site_url, rows=rows)
        return None

    def posts(self) -> Iterator[tuple[str, Callable[[], ConvertedPost]]]:
        for row in self.rows:
            yield str(row.get("slug") or row.get("subject") or row.get("id")), partial(self.read_post, row)

    def read_post(self, row: Row) -> ConvertedPost:
        slug, subject = str(row.get("slug") or ""), str(row.get("subject") or "")
        (body, remarks), original_counts = self._text(row, slug)
        status, kind = (str(row.get(name) or "").lower() for name in ("status", "email_type"))
        at = parse_datetime(str(row.get("publish_date") or row.get("creation_date") or ""), UTC)
        is_sent = status in SENT and kind != "draft"
        fields = dict.fromkeys(_TEMPLATE.findall(body))
        remarks += [Remark("a field of Buttondown stays as it was typed", one) for one in fields]
        kept = [f"{name} ({row[name]})"[:60] for name in ("canonical_url", "attachments", "metadata") if row.get(name)]
        if kept:
            remarks.append(Remark("has no place here", ", ".join(kept), is_loss=False))
        if kind in CLOSED:
            remarks.append(Remark("it was not for everybody, so it is a draft", kind))
        return ConvertedPost(
            source=_source(row),
            title=subject,
            body=body,
            slug=slugify(slug[:120])[:60].strip("-"),
            summary=str(row.get("description") or ""),
            date=at if (is_sent or status in SCHEDULED) and kind not in CLOSED else None,
            cover=str(row.get("image_url") or row.get("image") or ""),
            addresses=(f"/archive/{slug}/",) if slug else (),
            links=links_of(body, self._source_of),
            mailed=Mailed(subject, at) if at and is_sent else None,
            original_counts=original_counts,
            remarks=tuple(remarks),
        )

    def _text(self, row: Row, slug: str) -> tuple[Converted, Counts]:
        names = map(self.files.ending_in, (f"emails/{slug}.md", f"{slug}.md"))  # the second, of a single file
        text, name = str(row.get("body") or ""), next(filter(None, names), "")
        if not text and not name:
            raise Rejected(f"its text is not beside it: emails/{slug}.md")
        text = text or self.files.text(name)
        mode = _MODE.match(text)
        text = text[mode.end() :] if mode else text
        if _HTML.search(text) and (mode["mode"] == "fancy" if mode else _HTML.match(text.lstrip())):
            return convert_html(text), count_html(text)
        return Converted(*without_hidden_html(text.strip())), count_markdown(text)

    def _source_of(self, url: str) -> str:
        found = _POST.match(url)
        return self.sources.get(found[1], "") if found and not self.site_url else ""


def _source(row: Row) -> str:
    return f"buttondown:{row.get('id') or row.get('slug')}"


def rows_of(text: str) -> list[Row] | None:
    """The rows of emails.json or emails.csv, or of the API's answer; None if it is none of them."""
    if text.lstrip().startswith(("[", "{")):
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError):
            return None
        rows = whole.get("results") if isinstance(whole, dict) else whole
    else:
        rows = list(csv.DictReader(io.StringIO(text)))
    is_export = isinstance(rows, list) and all(isinstance(row, dict) and "subject" in row for row in rows)
    return rows if is_export else None
