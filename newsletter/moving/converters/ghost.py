"""Exports of all Ghost versions: the JSON file, or a ZIP that contains it and the pictures."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cache, partial
from html import escape
from typing import Any, Self

from django.utils.text import slugify

from newsletter.moving.converters.converter import ConvertedPost, Converter
from newsletter.moving.converters.files import TEXT_MAX, Files, Rejected
from newsletter.moving.converters.html.converting import convert_html
from newsletter.moving.converters.pictures import GHOST_URL
from newsletter.moving.counting import count_html
from newsletter.moving.folder.layout import Mailed, Remark, TagPage
from newsletter.posts.text.prose import slug_from_title
from subscribers.importers.dates import parse_datetime

type Row = dict[str, Any]

# What is read beside posts; others hold revisions of all texts, and what readers did.
TABLES = {"settings", "posts_meta", "emails", "tags", "posts_tags", "users", "authors", "posts_authors"}
SOURCE_COLUMNS = {"lexical", "mobiledoc", "markdown", "plaintext"}
TEXT_COLUMNS = SOURCE_COLUMNS | {"html"}  # every post of Ghost has one of them
PUBLISHED = {"published", "sent", "scheduled"}
# What search engines and other sites show of a post.
SHARING_FIELDS = (
    *("meta_title", "og_title", "og_description", "og_image"),
    *("twitter_title", "twitter_description", "twitter_image"),
)


@dataclass(frozen=True, eq=False)
class GhostExport:
    """Posts, and rows by table."""

    posts: list[Row]
    tables: dict[str, list[Row]] = field(default_factory=dict)

    @cache  # noqa: B019 - an export lives as long as its process
    def by(self, table: str, key: str) -> dict[str, Row]:
        return {str(row.get(key)): row for row in self.tables.get(table, [])}

    @cache  # noqa: B019
    def _ids_by_post(self, table: str, key: str) -> dict[str, list[str]]:
        ids = defaultdict[str, list[str]](list)
        for row in sorted(self.tables.get(table, []), key=lambda row: int(row.get("sort_order") or 0)):
            ids[str(row.get("post_id"))].append(str(row.get(key)))
        return ids

    def setting(self, name: str) -> str:
        return str(self.by("settings", "key").get(name, {}).get("value") or "")

    def joined(self, post: Row, table: str, links: str, key: str) -> list[Row]:
        """The rows joined to a post that readers see: the name of an internal tag begins with #."""
        ids = self._ids_by_post(links, key).get(str(post.get("id")), [])
        named = (row for row in (self.by(table, "id").get(one, {}) for one in ids) if row.get("name"))
        return [row for row in named if row.get("visibility") != "internal" and not str(row["name"]).startswith("#")]


def _without_sources(row: Row) -> Row:
    """Drop what is not needed as soon as it is read: the sources of a post that has a page."""
    return {name: value for name, value in row.items() if name not in SOURCE_COLUMNS} if row.get("html") else row


def read_ghost_json(text: str) -> GhostExport:
    """The tables of an export: `{"db":[{"data":…}]}`, before 1.0 `{"data":…}`. Raises Rejected."""
    try:
        whole = json.loads(text, object_hook=_without_sources)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"it is no JSON: {error}") from error
    found = whole.get("db", whole) if isinstance(whole, dict) else {}
    found = found[0] if isinstance(found, list) and found else found
    data = found.get("data") if isinstance(found, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("posts"), list):
        raise Rejected("it has no posts of Ghost in it")
    tables = {
        name: [row for row in rows if isinstance(row, dict)]
        for name, rows in data.items()
        if name in {"posts", *TABLES} and isinstance(rows, list)
    }
    return GhostExport(tables.pop("posts"), tables)


class Ghost(Converter):
    program = "Ghost"

    def __init__(self, files: Files, zone: tzinfo, site_url: str = "", *, export: GhostExport) -> None:
        super().__init__(files, zone, site_url or _site_of(export))
        self.export = export

    @classmethod
    def open(cls, files: Files, zone: tzinfo, site_url: str = "") -> Self | None:
        """Look into JSON files, the largest first: themes have JSON files too."""
        is_single = files.is_single_file
        if is_single and files.head(files.names[0], 1_000).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in {b"{", b"["}:
            return None
        names = files.names if is_single else sorted(files.with_suffix(".json"), key=files.size, reverse=True)[:20]
        for name in names:
            try:
                export = read_ghost_json(files.text(name))
            except Rejected:
                if is_single or files.size(name) > TEXT_MAX:
                    raise
                continue
            if any(TEXT_COLUMNS & set(row) for row in export.posts) or (is_single and not export.posts):
                return cls(files, zone, site_url, export=export)
            if is_single:  # other programs' exports have a list called posts too
                raise Rejected("it has no posts of Ghost in it")
        return None

    def posts(self) -> Iterator[tuple[str, Callable[[], ConvertedPost]]]:
        for number, row in enumerate(self.export.posts, 1):
            yield str(row.get("slug") or row.get("title") or f"post {number}"), partial(self.read_post, row)

    def read_post(self, row: Row) -> ConvertedPost:
        row, meta = map(self._with_site, (row, self.export.by("posts_meta", "post_id").get(str(row.get("id")), row)))
        page = rendered_html(row)
        body, remarks = convert_html(_CARD_COMMENT.sub("", _GATED.sub(_gated, page)))
        is_page = row.get("type") == "page" or bool(row.get("page"))
        at = self._published_at(row, remarks)
        title, slug = str(row.get("title") or ""), slugify(str(row.get("slug") or "")[:120])
        tags = self.export.joined(row, "tags", "posts_tags", "tag_id")
        if is_page:
            remarks.append(Remark("a page is a post that no list shows", is_loss=False))
        return ConvertedPost(
            source=f"ghost:{row.get('id') or row.get('uuid') or row.get('slug')}",
            title=title if title != "(Untitled)" else "",
            body=body,
            slug="" if slug.startswith("untitled") else slug[:60].strip("-") or slug_from_title(title),
            summary=str(row.get("custom_excerpt") or meta.get("meta_description") or row.get("meta_description") or ""),
            tags=tuple(str(tag["name"]).strip() for tag in tags),
            tag_pages=tuple(
                TagPage(str(tag["name"]), str(tag["slug"]), f"/tag/{tag['slug']}/") for tag in tags if tag.get("slug")
            ),
            date=at,
            is_unlisted=is_page,
            is_web_only=is_page,
            cover=str(row.get("feature_image") or row.get("image") or ""),
            cover_alt=str(meta.get("feature_image_alt") or row.get("feature_image_alt") or ""),
            addresses=self._addresses(row, at),
            mailed=self._mailed(row, meta, at),
            original_counts=count_html(page),
            remarks=(*remarks, *self._unsupported_fields(row, meta)),
        )

    def _with_site(self, row: Row) -> Row:
        """A row with the site's URL in place of GHOST_URL; if it is unknown, links become paths."""
        site_url = self.site_url.rstrip("/")
        old = (GHOST_URL, site_url) if site_url else (f'href="{GHOST_URL}/', 'href="/')
        return {key: value.replace(*old) if isinstance(value, str) else value for key, value in row.items()}

    def _published_at(self, row: Row, remarks: list[Remark]) -> datetime | None:
        status, visibility = (str(row.get(name) or "") for name in ("status", "visibility"))
        if status not in PUBLISHED:
            return None
        if visibility not in {"public", ""}:
            remarks.append(Remark("it was not for everybody, so it is a draft", visibility))
            return None
        if status == "sent":
            remarks.append(Remark("it was mailed and never on the web, so it is a draft"))
            return None
        return _date(row.get("published_at"))

    def _mailed(self, row: Row, meta: Row, at: datetime | None) -> Mailed | None:
        """From the row of its mail, or from its status where the export has no such rows."""
        mail = self.export.by("emails", "post_id").get(str(row.get("id")), {})
        sent = _date(mail.get("submitted_at") or mail.get("created_at"))
        is_mailed = mail.get("status") != "failed" if mail else row.get("status") == "sent"
        when = sent or at or _date(row.get("published_at"))
        if not is_mailed or when is None:
            return None
        return Mailed(str(mail.get("subject") or meta.get("email_subject") or row.get("title") or ""), when)

    def _addresses(self, row: Row, at: datetime | None) -> tuple[str, ...]:
        slug = str(row.get("slug") or "")
        at = at or _date(row.get("published_at"))
        found = [f"/{slug}/"] if slug else []
        pattern = self.export.setting("permalinks")
        if slug and at and ":slug" in pattern:
            day = at.astimezone(self.zone)
            values = {"slug": slug, "year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}"}
            found.append(re.sub(r":(\w+)", lambda part: values.get(part[1], part[1]), pattern))
        return tuple(dict.fromkeys(found))

    def _unsupported_fields(self, row: Row, meta: Row) -> Iterator[Remark]:
        unsupported = [name for name in SHARING_FIELDS if str(meta.get(name) or row.get(name) or "").strip()]
        if canonical := meta.get("canonical_url") or row.get("canonical_url"):
            unsupported.append(f"canonical_url ({canonical})")
        authors = [str(one["name"]).strip() for one in self.export.joined(row, "users", "posts_authors", "author_id")]
        unsupported += [f"its authors: {', '.join(authors)}"] if len(authors) > 1 else []
        if unsupported:
            yield Remark("has no place here", ", ".join(unsupported), is_loss=False)
        code = [name for name in ("codeinjection_head", "codeinjection_foot") if str(row.get(name) or "").strip()]
        if code:
            yield Remark("code that was put into its page stays away", ", ".join(code))
        caption = str(meta.get("feature_image_caption") or row.get("feature_image_caption") or "").strip()
        if caption:
            yield Remark("the caption of its cover stays away", re.sub(r"<[^>]{0,500}>", "", caption))


_GATED = re.compile(
    r"<!--kg-gated-block:begin (?P<audience>[^>]{0,300})-->(?P<inner>.*?)<!--kg-gated-block:end-->", re.DOTALL
)
_CARD_COMMENT = re.compile(r"<!--\s*kg-card-(?:begin|end)\b[^>]{0,100}-->")
# What an empty draft has none of: words, pictures and cards in Lexical; words and cards in Mobiledoc.
_HAS_CONTENT = re.compile(
    r'"(?:text|src|url|html|markdown|code)"\s*:\s*"[^"]|\],\s*\d+,\s*"[^"]|"cards"\s*:\s*\[\s*\[|"type"\s*:\s*"paywall"'
)


def rendered_html(post: Row) -> str:
    """The HTML that Ghost rendered at the last save. Raises Rejected for a source without HTML."""
    page = str(post.get("html") or "")
    if page.strip():
        return page
    if any(_HAS_CONTENT.search(str(post.get(name) or "")) for name in ("lexical", "mobiledoc")) or post.get("markdown"):
        raise Rejected("the export has no page of it; save it in Ghost and export again")
    return f"<p>{escape(str(post.get('plaintext') or ''))}</p>"


def _gated(found: re.Match[str]) -> str:
    is_open = "nonMember:true" in found["audience"]
    return found["inner"] if is_open else f'<div class="kg-members-only">{found["inner"]}</div>'


def _date(value: Any) -> datetime | None:
    """A time without a zone is UTC; before 1.0 Ghost wrote milliseconds since 1970."""
    return parse_datetime(str(value or ""), UTC)


_HOST = re.compile(
    r"(https?://[\w.:-]{3,200})/(?:[\w-]{1,60}/){0,3}(?:(?=content/images/)|([\w-]{1,190})/?(?=[\"'#?\s]|$))"
)


def _site_of(export: GhostExport) -> str:
    """The blog's URL from its settings, or guessed from its own pictures and links; "" if unknown."""
    if own := next((value for value in map(export.setting, ("url", "site_url")) if value.startswith("http")), ""):
        return own
    slugs = {"", *(str(row.get("slug")) for row in export.posts)}
    hosts = Counter[str]()
    for row in export.posts:
        text = "\n".join(str(row.get(name) or "") for name in ("html", "feature_image", "image"))
        hosts.update(host for host, slug in _HOST.findall(text) if slug in slugs)
    return hosts.most_common(1)[0][0] if hosts else ""
