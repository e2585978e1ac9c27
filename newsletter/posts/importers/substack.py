"""Substack's export: a zip with posts.csv and an HTML file for each post."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from functools import partial
from html import unescape

from django.utils.text import slugify

from newsletter.posts.importers.archive import Archive
from newsletter.posts.importers.html.converting import Converted, converted, shown, with_places
from newsletter.posts.importers.imported import ImportedPost, Mailed, Rejected, Remark
from newsletter.posts.importers.moments import moment
from newsletter.posts.importers.pictures import ArchiveFinder, Finder

TABLE = "posts.csv"
TABLE_MAX = 50 * 1024**2  # bytes
OPEN = {"everyone", ""}
_YES = {"true", "1", "yes"}


class Source:
    """An export of Substack."""

    name = "Substack"

    def __init__(self, archive: Archive, zone: tzinfo, site: str = "") -> None:
        self.archive, self.zone, self.site = archive, zone, site
        self.finders: list[Finder] = [ArchiveFinder(archive)]
        self.table = archive.ending_in(TABLE)
        self.files = {name.rpartition("/")[2].lower(): name for name in archive.named(".html", ".htm")}

    @staticmethod
    def fits(archive: Archive) -> bool:
        name = archive.ending_in(TABLE)
        return bool(name) and "post_id" in archive.text(name, TABLE_MAX)[:500]

    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]:
        text = self.archive.text(self.table, TABLE_MAX)
        for row in csv.DictReader(io.StringIO(text)):
            known = {
                str(key or "").strip(): str(value or "").strip() for key, value in row.items() if isinstance(value, str)
            }
            if known.get("post_id"):
                yield known["post_id"], partial(self.read, known)

    def read(self, row: dict[str, str]) -> ImportedPost:
        number, _dot, slug = row["post_id"].partition(".")
        body, remarks = self._body(row["post_id"]), list[Remark]()
        title = unescape(row.get("title", ""))
        kind = row.get("type", "newsletter")
        at = moment(row.get("post_date", ""), UTC) if self._is_open(row, remarks) else None
        if kind == "thread":
            remarks.append(Remark("the conversation below a thread is not in the export"))
        text = body.markdown
        if audio := row.get("podcast_url", ""):
            link = f"[{audio.rpartition('/')[2]}]({audio})"
            text = f"{link}\n\n{text}".strip()
            remarks.append(Remark("a sound stays at its old address", audio, shown(link)))
        return ImportedPost(
            source=f"substack:{number}",
            title=title or slug,
            body=text,
            words=slugify(slug)[:60].strip("-"),
            summary=unescape(row.get("subtitle", "")),
            published_at=at,
            is_unlisted=kind == "page",
            is_web_only=kind in {"page", "thread"},
            addresses=(f"/p/{slug}", f"/p/{number}") if slug else (),
            mailed=self._mailed(row, title),
            before=body.before,
            raw=body.raw,
            remarks=(*remarks, *body.remarks),
        )

    def _body(self, number: str) -> Converted:
        name = self.files.get(f"{number}.html".lower())
        if name is None:
            raise Rejected("its text is not in the archive")
        return with_places(converted(self.archive.text(name, 20 * 1024**2)))

    def _is_open(self, row: dict[str, str], remarks: list[Remark]) -> bool:
        if row.get("is_published", "").lower() not in _YES:
            return False
        if row.get("audience", "") not in OPEN:
            remarks.append(Remark("it was not for everybody, so it is a draft", row["audience"]))
            return False
        return True

    def _mailed(self, row: dict[str, str], title: str) -> Mailed | None:
        at = moment(row.get("email_sent_at", ""), UTC)
        published = row.get("is_published", "").lower() in _YES
        return Mailed(title, at) if at and published and row.get("type") != "page" else None

    def keys(self, href: str, source: str) -> list[str]:
        """Return where a link to another post leads: on Substack all have `/p/` in their address."""
        found = re.search(r"https://[\w-]{1,63}\.substack\.com(/p/[\w-]{1,200})", href)
        return [found[1]] if found and not self.site else []

    def names(self, source: str) -> list[str]:
        return []
