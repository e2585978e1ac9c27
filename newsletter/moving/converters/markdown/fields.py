"""Reads fields of a post from front matter and its file name. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from django.utils.text import slugify

from newsletter.mail.characters import single_line
from newsletter.moving.converters.markdown.front_matter import Value
from newsletter.moving.folder.layout import Remark, TagPage
from newsletter.posts.markdown.lines import without_closing_hashes
from newsletter.posts.text.prose import slug_from_title
from subscribers.importers.dates import parse_datetime

YES, NO = {"true", "yes", "on", "1", "y"}, {"false", "no", "off", "0", "n"}
# Keys that make a post a draft: those of HIDES_IF_YES if yes, of HIDES_IF_NO if no, of STATE_KEYS if not public.
HIDES_IF_YES = {"draft", "unlisted", "hidden", "private", "ignore", "wip", "archived", "members_only", "paid"}
HIDES_IF_NO = {"published", "publish", "public", "visible", "listed", "render"}
STATE_KEYS = {"status", "visibility", "access", "state"}
PUBLIC_STATES = {"published", "publish", "public", "visible", "open", "everyone", "all", "live", "done", *YES, ""}
PASSWORD_KEYS = {"password", "passwd", "passphrase"}  # Hexo's and WordPress's ways to ask a reader for a word
SUSPICIOUS = re.compile("visib|publi|draft|privat|hidden|secret|member|paywall|access|restrict|protect")
DATE_MAX, SLUG_MAX = 80, 120  # characters
DATE_KEYS = (
    *("date", "published_at", "publishdate", "pubdate", "pubdatetime", "date_published", "published", "created"),
    *("date.created", "date.published", "date created", "created_at", "createdat", "date_created"),
)
_COVER_KEYS = (
    *("cover", "image", "photos", "cover_image", "coverimage", "featured_image", "featuredimage", "thumbnail"),
    *("banner", "header_image", "index_img", "heroimage", "hero_image", "feature_image", "featureimage", "top_img"),
    *("banner_img", "header.image", "header.overlay_image", "header.teaser", "params.cover", "images"),
    *("resources.cover", "resources.featured-image", "resources.featured", "resources.feature", "resources.header"),
)
_COVER_PARTS = ("image", "src", "url", "path", "feature", "file", "teaser")  # of a cover that has keys of its own
COVER_KEYS = (*_COVER_KEYS, *(f"{name}.{key}" for name in _COVER_KEYS for key in _COVER_PARTS))
ALT_KEYS = (*(f"{name}.alt" for name in _COVER_KEYS), "cover_alt")
KNOWN_KEYS = {
    *("title", "words", "slug", "tags", "tag", "categories", "category", "keywords", "summary", "description"),
    *("excerpt", "subtitle", "permalink", "url", "aliases", "alias", "redirect_from", "id", "subject"),
    *(*COVER_KEYS, *ALT_KEYS, *DATE_KEYS, *HIDES_IF_YES, *HIDES_IF_NO, *STATE_KEYS, *PASSWORD_KEYS),
}
INDEX = {"index", "_index"}
# Folders that a program takes texts from, and that no address names.
_SOURCE_FOLDERS = {"content", "source", "_posts", "_drafts", "src", "docs", "pages", "static", "website", "_pages"}
_LANGUAGE = re.compile(
    r"(?P<stem>.+)\.(?P<language>(?:zh|en|pt|es|fr)-[A-Za-z]{2,4}|zh|en|ja|ko|fr|de|es|it|pt|ru|vi|th|nl|pl|tr|uk|ar)"
)
_HEADING = re.compile(r"\A\s*#[ \t]+(?P<title>[^\n]+)(?:\n|\Z)")
_DAY = re.compile(r"\A(?P<day>\d{4}-\d{1,2}-\d{1,2})[-_ ]?")


def _without_language(path: PurePosixPath) -> tuple[str, str]:
    """The file's name without suffix and language code, and that code or "", as in Hugo's `index.zh-tw.md`."""
    found = _LANGUAGE.fullmatch(path.stem)
    return (found["stem"], found["language"]) if found else (path.stem, "")


def stem_of(path: PurePosixPath) -> str:
    """The file's name, or its folder's for an index page."""
    stem = _without_language(path)[0]
    return path.parent.name if stem.lower() in INDEX and path.parent.name else stem


def without_day(stem: str) -> str:
    return _DAY.sub("", stem)


@dataclass(frozen=True)
class Fields:
    """The front matter of one file. path: in the folder."""

    values: dict[str, Value]
    path: PurePosixPath

    def text(self, *keys: str) -> str:
        """The first of these fields that says something."""
        found = next((self.values[key] for key in keys if self.values.get(key)), "")
        return single_line(found if isinstance(found, str) else ", ".join(found))

    def texts(self, *keys: str) -> list[str]:
        found = (self.values.get(key) or [] for key in keys)
        return [item for value in found for item in ([value] if isinstance(value, str) else value)]

    @cached_property
    def stem(self) -> str:
        return stem_of(self.path)

    @property
    def is_hidden(self) -> bool:
        """It becomes a draft, even with a date."""
        is_in_drafts = not {"_drafts", "drafts"}.isdisjoint(self.path.parts[:-1])
        return is_in_drafts or any(self._hides(key, self.text(key).lower()) for key in self.values)

    def _hides(self, key: str, word: str) -> bool:
        is_secret = key in PASSWORD_KEYS and word != ""
        is_closed = key in STATE_KEYS and word not in PUBLIC_STATES
        return is_secret or is_closed or (key in HIDES_IF_YES and word in YES) or (key in HIDES_IF_NO and word in NO)

    @property
    def is_page(self) -> bool:
        """A page of the site: a layout or type of Jekyll and Hexo, or a list of Hugo."""
        is_list = _without_language(self.path)[0] == "_index"
        return is_list or "page" in {self.text("layout"), self.text("type")}

    def title(self, body: str) -> tuple[str, str]:
        """The title, and the text without a first heading that repeats it."""
        heading, given = _HEADING.match(body), self.text("title")
        own = without_closing_hashes(heading["title"]).strip() if heading else ""
        if heading and own and given in {"", own}:
            return own, body[heading.end() :]
        return given or without_day(self.stem).strip() or self.stem, body

    def slug(self, title: str) -> str:
        given = self.text("words", "slug").strip("/").rpartition("/")[2]
        own = slugify(without_day(self.stem[:SLUG_MAX]))
        named = own if re.search(r"[a-z]{2}", own) and own not in {"index", "readme"} else ""
        return slugify(given[:SLUG_MAX])[:60] or slug_from_title(title) or named[:60].strip("-")

    @cached_property
    def covers(self) -> list[str]:
        """The pictures in front matter: the first is the cover, the others are Hexo's `photos` or further covers."""
        return list(dict.fromkeys(one for one in self.texts(*COVER_KEYS) if one and one.lower() not in YES | NO))

    @property
    def photos(self) -> list[str]:
        return [one for one in self.covers[1:] if one in self.texts("photos")]

    @property
    def tags(self) -> list[str]:
        """Categories are tags here."""
        return self._tags("tags", "tag", "categories", "category")

    def _tags(self, *keys: str) -> list[str]:
        """Items of a list as they are; a string is split at commas."""
        names: list[str] = []
        for value in (self.values.get(key, "") for key in keys):
            names += re.split(r"[,，、;；\n]", value) if isinstance(value, str) else value
        found = (" ".join(name.split()).lstrip("#＃").strip() for name in names)
        return list(dict.fromkeys(name for name in found if name))

    @property
    def tag_pages(self) -> Iterator[TagPage]:
        """Old pages of tags and categories, with hyphens for spaces, in lower case or as typed."""
        for root, keys in (("tags", ("tags", "tag")), ("categories", ("categories", "category"))):
            for name in self._tags(*keys):
                words = "-".join(name.split())
                for one in dict.fromkeys((words.lower(), words)):
                    yield TagPage(name, slug="", address=f"/{root}/{one}/")

    def date(self, zone: tzinfo, remarks: list[Remark]) -> datetime | None:
        """The date; None makes a draft. A day alone is its first minute, local time."""
        in_name = _DAY.match(self.stem)
        named = (self.text(key) for key in DATE_KEYS)
        given = next((one for one in named if one and one.lower() not in YES | NO), in_name["day"] if in_name else "")
        at = parse_datetime(given[:DATE_MAX], zone) if given else None
        if given and at is None:
            remarks.append(Remark("its date cannot be read, so it is a draft", given[:DATE_MAX]))
        return at

    def remarks(self) -> Iterator[Remark]:
        """Yield remarks on what the import changes or drops: a password, a page, and keys that it does not know."""
        if self.text(*PASSWORD_KEYS):
            yield Remark("it was behind a password, so it is a draft")
        if self.is_page:
            yield Remark("a page is a post that no list shows", is_loss=False)
        rest = {key: " ".join(self.text(key).split()) for key in self.values if key not in KNOWN_KEYS}
        for key in filter(SUSPICIOUS.search, rest):
            yield Remark("a key says nothing to this importer", f"{key} ({rest[key]})")
        names = [f"{key} ({one if len(one) <= 40 else one[:39] + '…'})" for key, one in rest.items() if one]
        names += [f"another cover ({one})" for one in self.covers[1:] if one not in self.texts("photos")]
        if names:
            yield Remark("has no place here", ", ".join(names), is_loss=False)

    def addresses(self, at: datetime | None) -> tuple[str, ...]:
        """The paths at which the text may have been read, those that it names itself first."""
        own = self.texts("permalink", "url", "aliases", "alias", "redirect_from")
        paths = (urlsplit(text.strip()).path for text in own if text and not re.search(r":\w+|\{\{| ", text.strip()))
        guesses = (path for path in self._guesses(at) if path not in {"/", ""})
        return tuple(dict.fromkeys([*(path if path.startswith("/") else f"/{path}" for path in paths), *guesses]))

    def _guesses(self, at: datetime | None) -> list[str]:
        own, language = _without_language(self.path)
        is_folder = own.lower() in {*INDEX, "readme"} and bool(self.path.parent.name)
        stem = self.path.parent.name if is_folder else own
        folders = (self.path.parent.parent if is_folder else self.path.parent).parts
        slug = self.text("slug").strip("/") or without_day(stem)
        prefix = "".join(f"/{part}" for part in folders if part not in _SOURCE_FOLDERS)
        found = [f"/{slug}"] if self.text("slug").startswith("/") else []
        found.append(f"{prefix}/{slug}")
        if at and ({"_posts", "_drafts", "blog"} & set(folders) or _DAY.match(stem)):
            day = f"{at:%Y/%m/%d}"
            found += [f"/{day}/{slug}", f"/{day}/{slug}.html", f"{prefix}/{day}/{slug}", f"/{at:%Y/%m}/{slug}"]
            for category in self._tags("categories", "category")[:2]:
                found += [f"/{category.lower()}/{day}/{slug}.html", f"/{category.lower()}/{slug}"]
        found += [] if is_folder else [f"{prefix}/{slug}.html"]
        return [*(f"/{language}{path}" for path in found[:1] if language), *found]
