"""Posts and pages of a Ghost export, as the common form."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.utils.text import slugify

from newsletter.posts.importers.ghost.bodies import body_of
from newsletter.posts.importers.ghost.export import Export, Row
from newsletter.posts.importers.imported import ImportedPost, Mailed, Remark, TagPage
from newsletter.posts.importers.moments import moment
from newsletter.posts.importers.pictures.finding import GHOST_URL, Finder
from newsletter.posts.text.measures import words_from_title

PUBLISHED = {"published", "sent"}
OPEN = {"public", ""}
# What other sites and search engines are told beside what readers see.
TOLD = ("meta_title", "og_title", "og_description", "og_image", "twitter_title", "twitter_description", "twitter_image")
_PICTURE_HOST = re.compile(r"(https?://[\w.:-]{3,200})(?:/[\w-]{1,60}){0,2}/content/images/")
_OWN_LINK = re.compile(r"(https?://[\w.:-]{3,200})/(?:[\w-]{1,60}/){0,3}([\w-]{1,190})/?(?=[\"'#?\s]|$)")
_PATTERN = re.compile(r":(\w+)")


class Source:
    """An export of Ghost. finders: where its pictures are, if they came with it."""

    name = "Ghost"

    def __init__(self, export: Export, finders: Sequence[Finder], zone: tzinfo, site: str = "") -> None:
        self.export, self.finders, self.zone = export, list(finders), zone
        self.site = site or _site_of(export)

    def articles(self) -> Iterator[tuple[str, Callable[[], ImportedPost]]]:
        for number, row in enumerate(self.export.posts, 1):
            yield str(row.get("slug") or row.get("title") or f"post {number}"), partial(self.read, row)

    def read(self, row: Row) -> ImportedPost:
        row, meta = self._with_site(row), self._with_site(self.export.meta.get(str(row.get("id")), row))
        body = body_of(row)
        remarks = [*body.remarks]
        is_page = row.get("type") == "page" or bool(row.get("page"))
        at = self._published_at(row, remarks)
        title = str(row.get("title") or "")
        tags = self.export.joined("posts_tags", "tag_id", "tags", row)
        if is_page:
            remarks.append(Remark("a page is a post that no list shows", is_loss=False))
        return ImportedPost(
            source=f"ghost:{row.get('id') or row.get('uuid') or row.get('slug')}",
            title=title if title != "(Untitled)" else "",
            body=body.markdown,
            words=_words(row, title),
            summary=str(row.get("custom_excerpt") or meta.get("meta_description") or row.get("meta_description") or ""),
            tags=tuple(str(tag["name"]).strip() for tag in tags),
            tag_pages=tuple(_page_of(tag) for tag in tags if tag.get("slug")),
            published_at=at,
            is_unlisted=is_page,
            is_web_only=is_page,
            cover=str(row.get("feature_image") or row.get("image") or ""),
            cover_alt=str(meta.get("feature_image_alt") or row.get("feature_image_alt") or ""),
            addresses=self._addresses(row, at),
            mailed=self._mailed(row, meta, at),
            before=body.before,
            page=body.page,
            raw=str(row.get("html") or ""),
            remarks=(*remarks, *self._without_place(row, meta)),
        )

    def _with_site(self, row: Row) -> Row:
        """Return a row in which addresses of the old site are whole, as far as anybody has said where it was."""
        site = self.site.rstrip("/")
        values = {key: value.replace(GHOST_URL, site) for key, value in row.items() if isinstance(value, str)}
        return row | values if site else row

    def _published_at(self, row: Row, remarks: list[Remark]) -> datetime | None:
        status, visibility = str(row.get("status") or ""), str(row.get("visibility") or "")
        at = date_of(row.get("published_at"), self.zone)
        if status == "draft":
            return None
        if visibility not in OPEN:
            remarks.append(Remark("it was not for everybody, so it is a draft", visibility))
            return None
        if status == "sent":
            remarks.append(Remark("it was mailed and never on the web, so it is a draft"))
            return None
        return at if status in PUBLISHED | {"scheduled"} else None

    def _mailed(self, row: Row, meta: Row, at: datetime | None) -> Mailed | None:
        """Return that a post was mailed: Ghost keeps a row of each mail, or at least says so of the post."""
        mail = self.export.emails.get(str(row.get("id")))
        sent = date_of(mail.get("submitted_at") or mail.get("created_at"), self.zone) if mail else None
        is_mailed = bool(mail) and mail.get("status") != "failed" if mail else row.get("status") == "sent"
        when = sent or at or date_of(row.get("published_at"), self.zone)
        if not is_mailed or when is None:
            return None
        subject = (mail or {}).get("subject") or meta.get("email_subject") or row.get("title") or ""
        return Mailed(str(subject), when)

    def _addresses(self, row: Row, at: datetime | None) -> tuple[str, ...]:
        slug, own = str(row.get("slug") or ""), str(row.get("url") or "")
        at = at or date_of(row.get("published_at"), self.zone)
        found = [urlsplit(own).path] if own.startswith(("http", "/")) else []
        found += [f"/{slug}/"] if slug else []
        pattern = self.export.settings.get("permalinks", "")
        if slug and at and ":slug" in pattern:
            local = at.astimezone(self.zone)
            values = {"slug": slug, "year": f"{local:%Y}", "month": f"{local:%m}", "day": f"{local:%d}"}
            found.append(_PATTERN.sub(lambda part: values.get(part[1], part[1]), pattern))
        return tuple(dict.fromkeys(found))

    def _without_place(self, row: Row, meta: Row) -> Iterator[Remark]:
        authors = self.export.names_of("posts_authors", "author_id", "users", row)
        if len(authors) > 1:
            yield Remark("has no place here", f"its authors: {', '.join(authors)}", is_loss=False)
        code = [name for name in ("codeinjection_head", "codeinjection_foot") if str(row.get(name) or "").strip()]
        if code:
            yield Remark("code that was put into its page stays away", ", ".join(code))
        caption = str(meta.get("feature_image_caption") or row.get("feature_image_caption") or "").strip()
        if caption:
            yield Remark("the caption of its cover stays away", re.sub(r"<[^>]{0,500}>", "", caption)[:120])
        told = [name for name in TOLD if str(meta.get(name) or row.get(name) or "").strip()]
        if told:
            yield Remark("has no place here", ", ".join(told), is_loss=False)
        if str(row.get("canonical_url") or "").strip():
            yield Remark("has no place here", f"its canonical address {row['canonical_url']}", is_loss=False)

    def keys(self, href: str, source: str) -> list[str]:
        return []

    def names(self, source: str) -> list[str]:
        return []


def _page_of(tag: Row) -> TagPage:
    return TagPage(str(tag["name"]), str(tag["slug"]), f"/tag/{tag['slug']}/")


def _words(row: Row, title: str) -> str:
    slug = slugify(str(row.get("slug") or "")[:120])
    return "" if slug.startswith("untitled") else slug[:60].strip("-") or words_from_title(title)


def date_of(value: Any, zone: tzinfo) -> datetime | None:
    """Return a moment: milliseconds since 1970 as Ghost wrote them before 1.0, or a text, in UTC if it says nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000, UTC)
        except (OverflowError, ValueError, OSError):
            return None
    return moment(value, UTC) if isinstance(value, str) and value.strip() else None


def _site_of(export: Export) -> str:
    """Return where the blog was: as it says, or as its own pictures and links say; "" if nothing does."""
    given = next(
        (value for key in ("url", "site_url") if (value := export.settings.get(key, "")).startswith("http")), ""
    )
    if given:
        return given
    slugs = {str(row.get("slug")) for row in export.posts}
    hosts = Counter[str]()
    for row in export.posts:
        for text in (str(row.get(name) or "") for name in ("html", "feature_image", "image", "url")):
            hosts.update(_PICTURE_HOST.findall(text))
            hosts.update(host for host, slug in _OWN_LINK.findall(text) if slug in slugs)
    return hosts.most_common(1)[0][0] if hosts else ""
