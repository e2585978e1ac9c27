"""What front matter and the name of a file say of a post. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from pathlib import PurePath, PurePosixPath
from urllib.parse import urlsplit

from django.utils.text import slugify

from newsletter.mail.characters import single_line
from newsletter.posts.importers.front_matter import Value
from newsletter.posts.importers.imported import Remark, TagPage
from newsletter.posts.importers.moments import moment
from newsletter.posts.markdown.lines import without_closing_hashes
from newsletter.posts.models import tag_names
from newsletter.posts.text.measures import words_from_title

YES, NO = {"true", "yes", "on", "1", "y"}, {"false", "no", "off", "0", "n"}
HIDES_IF_YES = {"draft", "unlisted", "hidden", "private", "ignore", "wip", "archived", "members_only", "paid"}
HIDES_IF_NO = {"published", "publish", "public", "visible", "listed", "render"}
STATES = {"status", "visibility", "access", "state"}  # keys whose value is a word
PUBLIC_STATES = {"published", "publish", "public", "visible", "open", "everyone", "all", "live", "done"}
SECRETS = {"password", "passwd", "passphrase"}  # Hexo's and WordPress's ways to ask a reader for a word
# Keys that look as if they said who may read, and that nobody has looked at.
SUSPICIOUS = (
    "visib",
    "publi",
    "draft",
    "privat",
    "hidden",
    "secret",
    "member",
    "paywall",
    "access",
    "restrict",
    "protect",
)
KNOWN = HIDES_IF_YES | HIDES_IF_NO | STATES | SECRETS | {"published_at", "publishdate", "date_published", "pubdate"}


def is_yes_or_no(text: str) -> bool:
    return text.lower() in YES | NO


def is_hidden(fields: Mapping[str, Value], name: PurePath) -> bool:
    """Return whether an article must come in as a draft, date or not. name: of its file in the folder."""
    return any(part in {"_drafts", "drafts"} for part in name.parts[:-1]) or any(
        _hides(key, value) for key, value in fields.items()
    )


def is_behind_a_password(fields: Mapping[str, Value]) -> bool:
    return any(fields.get(key) for key in SECRETS)


def _hides(key: str, value: Value) -> bool:
    said = (value if isinstance(value, str) else " ".join(value)).lower()
    if key in SECRETS:
        return said != ""
    if key in STATES:
        return said not in PUBLIC_STATES | YES | {""}
    return (key in HIDES_IF_YES and said in YES) or (key in HIDES_IF_NO and said in NO)


def unknown_wishes(fields: Mapping[str, Value]) -> Iterator[str]:
    """Yield each key that may say who may read, and that counts for nothing here."""
    for key, value in fields.items():
        if key not in KNOWN and any(part in key for part in SUSPICIOUS):
            said = value if isinstance(value, str) else ", ".join(value)
            yield f"{key} ({said})"


DATE_MAX = 80  # characters
SLUG_MAX = 120
INDEX = frozenset({"index", "_index"})
_LANGUAGE = re.compile(
    r"(?P<stem>.+)\.(?P<language>(?:zh|en|pt|es|fr)-[A-Za-z]{2,4}|zh|en|ja|ko|fr|de|es|it|pt|ru|vi|th|nl|pl|tr|uk|ar)"
)
DATES = (
    *("date", "published_at", "publishdate", "pubdate", "pubdatetime", "date_published", "published", "created"),
    *("date.created", "date.published", "date created", "created_at", "createdat", "date_created"),
)
_HEADING = re.compile(r"\A\s*#[ \t]+(?P<title>[^\n]+)(?:\n|\Z)")
DAY_IN_NAME = re.compile(r"\A(?P<day>\d{4}-\d{1,2}-\d{1,2})[-_ ]?")
COVERS = (
    *("cover", "image", "photos", "cover_image", "coverimage", "featured_image", "featuredimage", "thumbnail"),
    *("banner", "header_image", "index_img", "heroimage", "hero_image", "feature_image", "featureimage", "top_img"),
    *("banner_img", "header.image", "header.overlay_image", "header.teaser", "params.cover", "images"),
    *("resources.cover", "resources.featured-image", "resources.featured", "resources.feature", "resources.header"),
)
INNER = ("image", "src", "url", "path", "feature", "file", "teaser")  # of a cover that has keys of its own
USED = {
    *("title", "words", "slug", "date", "tags", "tag", "categories", "category", "keywords", "summary", "description"),
    *("excerpt", "subtitle", "permalink", "url", "aliases", "alias", "redirect_from", "id", "subject", "cover_alt"),
    *COVERS,
    *(f"{name}.{key}" for name in COVERS for key in (*INNER, "alt")),
}


def without_language(name: PurePath) -> tuple[str, str]:
    """Return the name of a file without its form, and the language that Hugo has behind it: `index.zh-tw.md`."""
    found = _LANGUAGE.fullmatch(name.stem)
    return (found["stem"], found["language"]) if found else (name.stem, "")


def stem_of(name: PurePath) -> str:
    """Return what a text is called by its file, or by its folder where it is the first page of that."""
    stem = without_language(name)[0]
    return name.parent.name if stem.lower() in INDEX and name.parent.name else stem


def is_page(fields: Mapping[str, Value], name: PurePath) -> bool:
    """Return whether a text is a page of the site and none of its posts: so Jekyll and Hexo say, and Hugo of a list."""
    return without_language(name)[0] == "_index" or "page" in {text_of(fields, "layout"), text_of(fields, "type")}


def text_of(fields: Mapping[str, Value], *names: str) -> str:
    found = next((fields[name] for name in names if fields.get(name)), "")
    return single_line(found if isinstance(found, str) else ", ".join(found))


def first_of(fields: Mapping[str, Value], *names: str) -> str:
    """Return the first text of a field that may be a list."""
    found = next((fields[name] for name in names if fields.get(name)), "")
    return single_line(found if isinstance(found, str) else found[0])


def cover(fields: Mapping[str, Value]) -> tuple[str, str]:
    """Return the address of the picture above the text, and what it shows."""
    found = first_of(fields, *COVERS) or first_of(fields, *(f"{name}.{key}" for name in COVERS for key in INNER))
    alt = first_of(fields, *(f"{name}.alt" for name in COVERS), "cover_alt")
    return ("", "") if is_yes_or_no(found) else (found, alt)


def other_covers(fields: Mapping[str, Value]) -> tuple[list[str], list[str]]:
    """Return the further pictures that Hexo shows above a text (`photos`), and those that other lists would show."""
    taken, photos = cover(fields)[0], list_of(fields, "photos")
    more = [one for one in photos if one != taken]
    keys = (name for cover in COVERS for name in (cover, *(f"{cover}.{key}" for key in INNER)) if cover != "photos")
    spare = (one for one in list_of(fields, *keys) if one not in {taken, "", *photos} and not is_yes_or_no(one))
    return more, list(dict.fromkeys(spare))


def list_of(fields: Mapping[str, Value], *names: str) -> list[str]:
    found = (fields.get(name) or [] for name in names)
    return [item for value in found for item in ([value] if isinstance(value, str) else value)]


def title(fields: Mapping[str, Value], body: str, name: PurePath) -> tuple[str, str]:
    """Return the title, and the text without a first heading that repeats it."""
    heading = _HEADING.match(body)
    given = text_of(fields, "title")
    own = without_closing_hashes(heading["title"]).strip() if heading else ""
    if heading and own and given in {"", own}:
        return own, body[heading.end() :]
    stem = stem_of(name)
    return given or DAY_IN_NAME.sub("", stem).strip() or stem, body


def words(fields: Mapping[str, Value], title: str, name: PurePath) -> str:
    given = text_of(fields, "words", "slug").strip("/").rpartition("/")[2]
    stem = stem_of(name)
    own = slugify(DAY_IN_NAME.sub("", stem[:SLUG_MAX]))
    named = own if re.search(r"[a-z]{2}", own) and own not in {"index", "readme"} else ""
    return slugify(given[:SLUG_MAX])[:60] or words_from_title(title) or named[:60].strip("-")


def tags(fields: Mapping[str, Value]) -> list[str]:
    """Return the names of lists as they are, and those of a text where commas part them; categories are tags here."""
    names: list[str] = []
    for key in ("tags", "tag", "categories", "category"):
        given = fields.get(key) or ""
        names += tag_names(given) if isinstance(given, str) else [" ".join(tag_names(name)) for name in given]
    return list(dict.fromkeys(name for one in names if (name := one.removeprefix("#").strip())))


def tag_pages(fields: Mapping[str, Value]) -> Iterator[TagPage]:
    """Yield where the pages of tags and categories were: their words joined by hyphens, in small letters or not."""
    for root, keys in (("tags", ("tags", "tag")), ("categories", ("categories", "category"))):
        for name in tags({key: fields[key] for key in keys if key in fields}):
            words = "-".join(name.split())
            for form in dict.fromkeys((words.lower(), words)):
                yield TagPage(name, "", f"/{root}/{form}/")


def published_at(fields: Mapping[str, Value], name: PurePath, zone: tzinfo, remarks: list[Remark]) -> datetime | None:
    """Return the date; None makes a draft. A day alone is its first minute, local time."""
    stem = stem_of(name)
    in_name = DAY_IN_NAME.match(stem)
    named = (text_of(fields, key) for key in DATES)
    given = next((text for text in named if text and not is_yes_or_no(text)), in_name["day"] if in_name else "")
    if not given:
        return None
    at = moment(given[:DATE_MAX], zone)
    if at is None:
        remarks.append(Remark("its date cannot be read, so it is a draft", given[:DATE_MAX]))
    return at


def without_place(fields: Mapping[str, Value]) -> Iterator[Remark]:
    """Yield a word about the keys that say nothing to this house, in one."""
    names = [
        f"{key} ({shown if len(shown) <= 40 else shown[:39] + '…'})"
        for key, value in fields.items()
        if key not in USED | KNOWN and key not in DATES and (shown := " ".join(_shown(value).split()))
    ]
    names += [f"another cover ({one})" for one in other_covers(fields)[1]]
    if names:
        yield Remark("has no place here", ", ".join(names), is_loss=False)


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else ", ".join(value)


# Folders that a program takes texts from, and that no address names.
_ROOTS = frozenset({"content", "source", "_posts", "_drafts", "src", "docs", "pages", "static", "website", "_pages"})
_MADE = re.compile(r":\w+|\{\{")  # a pattern of addresses, not an address


def addresses(fields: Mapping[str, Value], name: PurePosixPath, at: datetime | None) -> tuple[str, ...]:
    """Return the paths at which the text may have been read, those that it names itself first."""
    own = [first_of(fields, key) for key in ("permalink", "url")]
    own += list_of(fields, "aliases", "alias", "redirect_from")
    named = [path for text in own if (path := _path(text))]
    guessed = [path for path in _guesses(fields, name, at) if path not in {"/", ""}]
    return tuple(dict.fromkeys([*named, *guessed]))


def _path(text: str) -> str:
    text = text.strip()
    if not text or _MADE.search(text) or " " in text:
        return ""
    path = urlsplit(text).path
    return path if path.startswith("/") else f"/{path}"


def _guesses(fields: Mapping[str, Value], name: PurePosixPath, at: datetime | None) -> list[str]:
    own, language = without_language(name)
    stem = name.parent.name if own.lower() in {*INDEX, "readme"} and name.parent.name else own
    folders = list((name.parent.parent if stem != own else name.parent).parts)
    is_blog = bool({"_posts", "_drafts", "blog"} & set(folders))
    sections = [part for part in folders if part not in _ROOTS]
    slug = first_of(fields, "slug").strip("/") or DAY_IN_NAME.sub("", stem)
    section = "/".join(sections)
    prefix = f"/{section}" if section else ""
    found = [f"{prefix}/{slug}"]
    if first_of(fields, "slug").startswith("/"):
        found.insert(0, f"/{slug}")
    if at and (is_blog or DAY_IN_NAME.match(stem)):
        day = f"{at:%Y/%m/%d}"
        found += [f"/{day}/{slug}", f"/{day}/{slug}.html", f"{prefix}/{day}/{slug}", f"/{at:%Y/%m}/{slug}"]
        for category in tags({key: value for key, value in fields.items() if key.startswith("categor")})[:2]:
            found += [f"/{category.lower()}/{day}/{slug}.html", f"/{category.lower()}/{slug}"]
    if stem == own:
        found.append(f"{prefix}/{slug}.html")
    return [*(f"/{language}{path}" for path in found[:1] if language), *found]
