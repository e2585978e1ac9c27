"""Substack's export: a zip with posts.csv and an HTML file for each post."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC
from functools import cached_property, partial
from html import unescape

from django.utils.text import slugify

from newsletter.moving.converters.addresses import links_of
from newsletter.moving.converters.converter import ConvertedPost, Converter
from newsletter.moving.converters.files import Files, Rejected
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.counting import count_html
from newsletter.moving.folder.layout import Mailed, Remark
from subscribers.importers.dates import parse_datetime

TABLE = "posts.csv"
OPEN = {"everyone", ""}
YES = {"true", "1", "yes"}

type Row = dict[str, str]


class Substack(Converter):
    program = "Substack"

    @classmethod
    def recognises(cls, files: Files) -> bool:
        table = "" if files.is_single_file else files.ending_in(TABLE)
        has_texts = bool(files.with_suffix(".html", ".htm"))
        return bool(table) and has_texts and b"post_id" in files.head(table, 500)

    @cached_property
    def rows(self) -> dict[str, Row]:
        table = csv.DictReader(io.StringIO(self.files.text(self.files.ending_in(TABLE))))
        rows = ({str(key).strip(): str(value or "").strip() for key, value in row.items()} for row in table)
        return {row["post_id"]: row for row in rows if row.get("post_id")}

    @cached_property
    def html_paths(self) -> dict[str, str]:
        return {name.rpartition("/")[2].lower(): name for name in self.files.with_suffix(".html", ".htm")}

    @cached_property
    def sources(self) -> dict[str, str]:
        return {slug: f"substack:{number}" for number, _dot, slug in (one.partition(".") for one in self.rows)}

    def posts(self) -> Iterator[tuple[str, Callable[[], ConvertedPost]]]:
        yield from ((name, partial(self.read_post, row)) for name, row in self.rows.items())

    def read_post(self, row: Row) -> ConvertedPost:
        number, _dot, slug = row["post_id"].partition(".")
        name = self.html_paths.get(f"{row['post_id']}.html".lower())
        if name is None:
            raise Rejected("its text is not in the archive")
        html = self.files.text(name)
        body, remarks = convert_html(html)
        kind, title = row.get("type", "newsletter"), unescape(row.get("title", ""))
        sent = parse_datetime(row.get("email_sent_at", ""), UTC)
        is_published = row.get("is_published", "").lower() in YES
        is_open = row.get("audience", "") in OPEN
        if is_published and not is_open:
            remarks.append(Remark("it was not for everybody, so it is a draft", row["audience"]))
        if kind == "thread":
            remarks.append(Remark("the conversation below a thread is not in the export"))
        if audio := row.get("podcast_url", ""):
            body = f"[{audio.rpartition('/')[2]}]({audio})\n\n{body}".strip()
            remarks.append(Remark("a sound stays at its old address", audio, effect={"links": 1}))
        return ConvertedPost(
            source=f"substack:{number}",
            title=title or slug,
            body=body,
            slug=slugify(slug)[:60].strip("-"),
            summary=unescape(row.get("subtitle", "")),
            date=parse_datetime(row.get("post_date", ""), UTC) if is_published and is_open else None,
            is_unlisted=kind == "page",
            is_web_only=kind in {"page", "thread"},
            addresses=(f"/p/{slug}", f"/p/{number}") if slug else (),
            links=links_of(body, self._source_of),
            mailed=Mailed(title, sent) if sent and is_published and kind != "page" else None,
            original_counts=count_html(html),
            remarks=tuple(remarks),
        )

    def _source_of(self, url: str) -> str:
        """The source of a linked post, or "". With `site_url`, links are matched by the posts' `addresses` instead."""
        found = re.match(r"https://[\w-]{1,63}\.substack\.com/p/([\w-]{1,200})", url)
        return self.sources.get(found[1], "") if found and not self.site_url else ""
