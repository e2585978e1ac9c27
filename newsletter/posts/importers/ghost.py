"""Ghost's export, of every age: JSON as Ghost writes it, or the zip in which it lies beside its pictures."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlsplit

from django.utils.text import slugify

from newsletter.posts.importers.account import compared
from newsletter.posts.importers.folder.line_ends import with_hard_breaks
from newsletter.posts.importers.folder.raw_html import replaced
from newsletter.posts.importers.html.converting import Converted, converted, measured, shown, with_places
from newsletter.posts.importers.html.tree import parse
from newsletter.posts.importers.imported import ImportedPost, Mailed, Rejected, Remark, Spool, TagPage
from newsletter.posts.importers.moments import moment
from newsletter.posts.importers.pictures import GHOST_URL, Finder
from newsletter.posts.text.measures import words_from_title

type Row = dict[str, Any]

# What is read beside posts; others hold revisions of all texts, and what readers did.
TABLES = {"settings", "posts_meta", "emails", "tags", "posts_tags", "users", "authors", "posts_authors"}
MARKS = {"html", "lexical", "mobiledoc", "markdown", "plaintext"}  # every post of Ghost has one of them


@dataclass(frozen=True)
class Export:
    """Rows by table; those of posts by themselves, for they are nearly all of it."""

    posts: Spool[Row] = field(default_factory=Spool)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    joins: dict[tuple[str, str, str], tuple[dict[str, Row], dict[str, list[str]]]] = field(default_factory=dict)

    def rows(self, name: str) -> list[Row]:
        return self.tables.get(name, [])

    @property
    def has_texts(self) -> bool:
        """Return whether its posts are texts: lists of another name's make are called posts too."""
        return any(MARKS & set(row) for row in self.posts)

    @cached_property
    def settings(self) -> dict[str, str]:
        return {str(row.get("key")): str(row.get("value") or "") for row in self.rows("settings")}

    @cached_property
    def meta(self) -> dict[str, Row]:
        """Return by post what is said of it beside its text: description, e-mail subject."""
        return {str(row.get("post_id")): row for row in self.rows("posts_meta")}

    @cached_property
    def emails(self) -> dict[str, Row]:
        return {str(row.get("post_id")): row for row in self.rows("emails")}

    def names_of(self, link: str, key: str, table: str, post: Row) -> list[str]:
        """Return the names of what a post is joined to, in order: its tags, its authors."""
        return [str(row["name"]).strip() for row in self.joined(link, key, table, post)]

    def joined(self, link: str, key: str, table: str, post: Row) -> list[Row]:
        """Return the rows that a post is joined to and that readers see, in order."""
        given = post.get(table)
        if not isinstance(given, list):
            known, links = self._joins((link, key, table))
            given = [known.get(one, {}) for one in links[str(post.get("id"))]]
        plain = (_plain(row) for row in given)
        return [row for row in plain if row.get("name") and not _is_internal(row)]

    def _joins(self, names: tuple[str, str, str]) -> tuple[dict[str, Row], dict[str, list[str]]]:
        """Return the rows of a table by their ids, and the ids by post."""
        if names not in self.joins:
            link, key, table = names
            ids = defaultdict[str, list[str]](list)
            for row in sorted(self.rows(link), key=lambda row: int(row.get("sort_order") or 0)):
                ids[str(row.get("post_id"))].append(str(row.get(key)))
            self.joins[names] = {str(row.get("id")): row for row in self.rows(table)}, ids
        return self.joins[names]


def _is_internal(row: Row) -> bool:
    """Return whether a tag is one that readers never see: those whose name begins with #."""
    return row.get("visibility") == "internal" or str(row.get("name") or "").startswith("#")


def _plain(row: Any) -> Row:
    inner = row.get("data", row) if isinstance(row, dict) else {"name": row}
    return inner if isinstance(inner, dict) else {}


def read(text: str) -> Export:
    """Return the tables of an export: `{"db":[{"data":…}]}`, `{"data":…}`, the API's `{"posts":…}`, or a list of posts.

    Raises Rejected.
    """
    kept = Spool[Row]()

    def put_away(row: Row) -> Row | _Kept:
        """Keep a text in the file as soon as it is read: never are all of them in memory."""
        if not MARKS & row.keys() or not {"slug", "title"} & row.keys():
            return row
        kept.append(row)
        return _Kept(len(kept) - 1)

    try:
        whole = json.loads(text, object_hook=put_away)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"it is no JSON: {error}") from error
    for found in _envelopes(whole):
        posts = found.get("posts")
        if isinstance(posts, list):
            tables = {
                name: [_without_texts(_plain(_found(row, kept))) for row in rows if row]
                for name, rows in found.items()
                if name in TABLES and isinstance(rows, list)
            }
            rows = (_with_url(_found(row, kept), kept) for row in posts if isinstance(row, dict | _Kept))
            return Export(Spool(rows), tables)
    raise Rejected("it has no posts of Ghost in it")


def _without_texts(row: Row) -> Row:
    """Return a row that is no post; each mail has its whole text once more."""
    return {key: value for key, value in row.items() if key not in MARKS}


@dataclass(frozen=True)
class _Kept:
    """Stands for a row that was put away. number: its place in the file."""

    number: int


def _found(row: Any, kept: Spool[Row]) -> Any:
    return kept[row.number] if isinstance(row, _Kept) else row


def _with_url(row: Row, kept: Spool[Row]) -> Row:
    """Return a post of TryGhost/migrate's form flat, its old address kept."""
    inner = _found(row.get("data"), kept)
    return {**inner, "url": row.get("url")} if isinstance(inner, dict) else row


def _envelopes(whole: Any) -> Iterator[Row]:
    if isinstance(whole, list):
        yield {"posts": whole}
    if not isinstance(whole, dict):
        return
    db = whole.get("db")
    for one in db if isinstance(db, list) else [db]:
        if isinstance(one, dict):
            yield from _envelopes(one)
    for name in ("data", "result"):
        inner = whole.get(name)
        if isinstance(inner, dict | list):
            yield from _envelopes(inner)
    yield whole


_GATED = re.compile(
    r"<!--kg-gated-block:begin (?P<whom>[^>]{0,300})-->(?P<inner>.*?)<!--kg-gated-block:end-->", re.DOTALL
)
_EDITOR = re.compile(r"<!--\s*kg-card-(?:begin|end)\b[^>]{0,100}-->")
# What an empty draft has none of: words, pictures and cards in Lexical; words and cards in Mobiledoc.
_WRITTEN = re.compile(
    r'"(?:text|src|url|html|markdown|code)"\s*:\s*"[^"]|\],\s*\d+,\s*"[^"]|"cards"\s*:\s*\[\s*\[|"type"\s*:\s*"paywall"'
)


def body_of(post: Row) -> Converted:
    """Return the text of a post: Markdown as it was typed if its page says the same, otherwise its page.

    Ghost makes HTML at each save, and keeps it beside the source. Raises Rejected where a source has none.
    """
    html = _page_of(post)
    typed = next(filter(None, _typed(post)), "")
    if not html.strip():
        return with_places(_as_markdown(typed or _plain_text(post)))
    page = measured(parse(html))
    if typed:
        made = _as_markdown(typed)
        if not compared(page, shown(made.markdown), made.remarks):
            return with_places(Converted(made.markdown, page, made.remarks, html))
    made = converted(html)
    return with_places(Converted(made.markdown, page, made.remarks, html))


def _page_of(post: Row) -> str:
    """Return the page of a post, without the marks of the editor, and with what was for members marked as such."""
    return _EDITOR.sub("", _GATED.sub(_gated, str(post.get("html") or "")))


def _gated(found: re.Match[str]) -> str:
    is_open = "nonMember:true" in found["whom"]
    return found["inner"] if is_open else f'<div class="kg-members-only">{found["inner"]}</div>'


def _typed(post: Row) -> Iterator[str]:
    """Yield Markdown that an author typed: Ghost's before 1.0, or the only card of a post since."""
    yield str(post.get("markdown") or "")
    for name in ("lexical", "mobiledoc"):
        try:
            yield _only_card(json.loads(str(post.get(name) or "{}")))
        except (ValueError, RecursionError, TypeError, KeyError, IndexError, AttributeError):
            continue


def _only_card(document: Row) -> str:
    """Return the Markdown of a document that is one card of it, maybe with an empty paragraph; "" of any other."""
    if root := document.get("root"):
        parts = [part for part in root["children"] if part["type"] != "paragraph" or part["children"]]
        return str(parts[0]["markdown"]) if len(parts) == 1 and parts[0]["type"] == "markdown" else ""
    parts = [part for part in document["sections"] if part[0] != 1 or part[2]]
    if len(parts) != 1 or parts[0][0] != 10:
        return ""
    [[name, payload]] = document["cards"]
    return str(payload["markdown"]) if name in {"markdown", "card-markdown"} else ""


def _plain_text(post: Row) -> str:
    if text := str(post.get("plaintext") or ""):
        return text
    if any(_WRITTEN.search(str(post.get(name) or "")) for name in ("lexical", "mobiledoc")):
        raise Rejected("the export has no page of it; save it in Ghost and export again")
    return ""


def _as_markdown(typed: str) -> Converted:
    """Return what was Markdown as it was typed, with Ghost's ends of lines."""
    plain = with_hard_breaks(typed).strip()
    text, remarks = replaced(plain)
    return Converted(text, shown(plain), tuple(remarks))


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
            tag_pages=tuple(_tag_page(tag) for tag in tags if tag.get("slug")),
            published_at=at,
            is_unlisted=is_page,
            is_web_only=is_page,
            cover=str(row.get("feature_image") or row.get("image") or ""),
            cover_alt=str(meta.get("feature_image_alt") or row.get("feature_image_alt") or ""),
            addresses=self._addresses(row, at),
            mailed=self._mailed(row, meta, at),
            before=body.before,
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


def _tag_page(tag: Row) -> TagPage:
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
