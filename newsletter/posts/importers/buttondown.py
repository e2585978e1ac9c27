"""Buttondown's export: emails.csv or emails.json, and a file of Markdown (or of its fancy HTML) for each mail."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

from django.utils.text import slugify

from newsletter.posts.importers.archive import Archive
from newsletter.posts.importers.folder.raw_html import replaced
from newsletter.posts.importers.html.converting import Converted, converted, shown, with_places
from newsletter.posts.importers.imported import ImportedPost, Mailed, Rejected, Remark, Spool
from newsletter.posts.importers.moments import moment
from newsletter.posts.importers.pictures import ArchiveFinder, Finder, FolderFinder

TEXT_MAX = 50 * 1024**2  # bytes
_MODE = re.compile(r"\A\s*<!--\s*buttondown-editor-mode:\s*(?P<mode>\w+)\s*-->\s*")
_HTML = re.compile(r"<(?:p|h[1-6]|ul|ol|div|blockquote|figure|table)[\s>]", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{[^{}\n]{1,200}\}\}|\{%[^%\n]{1,200}%\}")
SENT = {"sent", "imported", "resending", ""}
SCHEDULED = {"scheduled", "about_to_send"}  # at its date it is public here; it is not mailed


type Texts = Callable[[str], str | None]  # the text of a file of the export, by its name


def _of_archive(archive: Archive) -> Texts:
    def text(name: str) -> str | None:
        found = archive.ending_in(name)
        return archive.text(found, TEXT_MAX) if found else None

    return text


def _of_folder(root: Path) -> Texts:
    def text(name: str) -> str | None:
        path = (root / name).resolve()
        if not path.is_relative_to(root.resolve()) or not path.is_file() or path.stat().st_size > TEXT_MAX:
            return None
        try:
            return path.read_text("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Rejected(f"it is not UTF-8 text: {name}, byte {error.start}") from error

    return text


class Source:
    """Mails of Buttondown, which are posts here: each has its subject for a title."""

    name = "Buttondown"

    def __init__(
        self, rows: list[dict[str, Any]], files: Texts, finders: list[Finder], zone: tzinfo, site: str
    ) -> None:
        self.rows, self.files, self.finders, self.zone, self.site = Spool(rows), files, finders, zone, site

    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]:
        for row in self.rows:
            yield str(row.get("slug") or row.get("subject") or row.get("id")), partial(self.read, row)

    def read(self, row: Mapping[str, Any]) -> ImportedPost:
        slug, subject = str(row.get("slug") or ""), str(row.get("subject") or "")
        body = self._body(row, slug)
        status = str(row.get("status") or "").lower()
        at = moment(str(row.get("publish_date") or row.get("creation_date") or ""), UTC)
        is_sent = status in SENT and str(row.get("email_type") or "public") != "draft"
        remarks = [
            Remark("a field of Buttondown stays as it was typed", field)
            for field in dict.fromkeys(_TEMPLATE.findall(body.markdown))
        ]
        kept = [f"{name} ({row[name]})"[:60] for name in ("canonical_url", "attachments", "metadata") if row.get(name)]
        if kept:
            remarks.append(Remark("has no place here", ", ".join(kept), is_loss=False))
        closed = str(row.get("email_type") or "").lower() in {"private", "premium", "hidden"}
        if closed:
            remarks.append(Remark("it was not for everybody, so it is a draft", str(row["email_type"])))
        return ImportedPost(
            source=f"buttondown:{row.get('id') or slug}",
            title=subject,
            body=body.markdown,
            words=slugify(slug[:120])[:60].strip("-"),
            summary=str(row.get("description") or ""),
            published_at=at if (is_sent or status in SCHEDULED) and not closed else None,
            cover=str(row.get("image_url") or row.get("image") or ""),
            addresses=(f"/archive/{slug}/",) if slug else (),
            mailed=Mailed(subject, at) if at and is_sent else None,
            before=body.before,
            raw=body.raw,
            remarks=(*remarks, *body.remarks),
        )

    def _body(self, row: Mapping[str, Any], slug: str) -> Converted:
        typed = row.get("body")
        text = str(typed) if typed else self.files(f"emails/{slug}.md") or self.files(f"{slug}.md")
        if text is None:
            raise Rejected(f"its text is not beside it: emails/{slug}.md")
        mode = _MODE.match(text)
        text = text[mode.end() :] if mode else text
        is_html = (mode and mode["mode"] == "fancy") or (not mode and _HTML.match(text.lstrip()))
        return with_places(converted(text)) if is_html and _HTML.search(text) else _as_markdown(text.strip())

    def keys(self, href: str, source: str) -> list[str]:
        found = re.search(r"https://buttondown\.(?:com|email)/[\w-]{1,100}(/archive/[\w-]{1,200})", href)
        return [found[1]] if found and not self.site else []

    def names(self, source: str) -> list[str]:
        return []


def _as_markdown(typed: str) -> Converted:
    """Return Markdown as it was typed, but for HTML in it that no page here shows."""
    text, remarks = replaced(typed)
    return Converted(text, shown(typed), tuple(remarks))


def rows_of(text: str) -> list[dict[str, Any]] | None:
    """Return the rows of emails.json or emails.csv, or of the API's answer; None if it is none of them."""
    if text.lstrip().startswith(("[", "{")):
        try:
            whole = json.loads(text)
        except (ValueError, RecursionError):
            return None
        rows = whole.get("results") if isinstance(whole, dict) else whole
    else:
        rows = list(csv.DictReader(io.StringIO(text)))
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and "subject" in row for row in rows):
        return None
    return rows


def in_archive(archive: Archive, zone: tzinfo, site: str) -> Source | None:
    for name in ("emails.json", "emails.csv"):
        found = archive.ending_in(name)
        if found and (rows := rows_of(archive.text(found, TEXT_MAX))) is not None:
            return Source(rows, _of_archive(archive), [ArchiveFinder(archive)], zone, site)
    return None


def in_folder(path: Path, text: str, zone: tzinfo, site: str) -> Source | None:
    rows = rows_of(text)
    return Source(rows, _of_folder(path.parent), [FolderFinder(path.parent)], zone, site) if rows is not None else None
