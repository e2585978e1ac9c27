"""What the front matter of a Markdown file says of its post. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, time, tzinfo
from email.utils import parsedate_to_datetime
from pathlib import PurePath

from django.utils.text import slugify

from newsletter.mail.characters import single_line
from newsletter.posts.importers.front_matter import Value
from newsletter.posts.importers.imported import Remark, TagPage
from newsletter.posts.importers.visibility import KNOWN, is_yes_or_no
from newsletter.posts.markdown.lines import without_closing_hashes
from newsletter.posts.models import tag_names
from newsletter.posts.text.measures import words_from_title

DATE_MAX = 80  # characters
SLUG_MAX = 120
INDEX = frozenset({"index", "_index"})
DATES = ("date", "published_at", "publishdate", "pubdate", "published", "created")
_HEADING = re.compile(r"\A\s*#[ \t]+(?P<title>[^\n]+)(?:\n|\Z)")
DAY_IN_NAME = re.compile(r"\A(?P<day>\d{4}-\d{1,2}-\d{1,2})[-_ ]?")
_LOOSE = re.compile(
    r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?"
    r"(?:[T ]+(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}))?(?:\.\d+)?"
    r"\s*(?P<zone>Z|[+-]\d\d:?\d\d)?)?\Z"
)
USED = {
    *("title", "words", "slug", "date", "tags", "tag", "categories", "category", "keywords", "summary", "description"),
    *(
        "excerpt",
        "cover",
        "image",
        "photos",
        "thumbnail",
        "banner",
        "permalink",
        "url",
        "aliases",
        "redirect_from",
        "id",
    ),
    *(f"{name}.{key}" for name in ("cover", "image", "featuredimage") for key in ("image", "src", "url", "alt")),
    *(
        "cover_alt",
        "cover_image",
        "featured_image",
        "header_image",
        "coverimage",
        "featuredimage",
        "index_img",
        "alias",
        "subject",
    ),
}


def is_page(fields: Mapping[str, Value], name: PurePath) -> bool:
    """Return whether a text is a page of the site and none of its posts: so Jekyll and Hexo say, and Hugo of a list."""
    return name.stem == "_index" or "page" in {text_of(fields, "layout"), text_of(fields, "type")}


def text_of(fields: Mapping[str, Value], *names: str) -> str:
    found = next((fields[name] for name in names if fields.get(name)), "")
    return single_line(found if isinstance(found, str) else ", ".join(found))


def first_of(fields: Mapping[str, Value], *names: str) -> str:
    """Return the first text of a field that may be a list."""
    found = next((fields[name] for name in names if fields.get(name)), "")
    return single_line(found if isinstance(found, str) else found[0])


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
    stem = name.parent.name if name.stem.lower() in INDEX and name.parent.name else name.stem
    return given or DAY_IN_NAME.sub("", stem).strip() or stem, body


def words(fields: Mapping[str, Value], title: str, name: PurePath) -> str:
    given = text_of(fields, "words", "slug").strip("/").rpartition("/")[2]
    stem = name.parent.name if name.stem.lower() in INDEX else name.stem
    own = slugify(DAY_IN_NAME.sub("", stem[:SLUG_MAX]))
    named = own if re.search(r"[a-z]{2}", own) and own not in {"index", "readme"} else ""
    return slugify(given[:SLUG_MAX])[:60] or words_from_title(title) or named[:60].strip("-")


def tags(fields: Mapping[str, Value]) -> list[str]:
    """Return the names of lists as they are, and those of a text where commas part them; categories are tags here."""
    names: list[str] = []
    for key in ("tags", "tag", "categories", "category"):
        given = fields.get(key) or ""
        names += tag_names(given) if isinstance(given, str) else [" ".join(tag_names(name)) for name in given]
    return list(dict.fromkeys(name for name in names if name))


def tag_pages(fields: Mapping[str, Value]) -> Iterator[TagPage]:
    """Yield where the pages of tags and categories were: their words joined by hyphens, in small letters or not."""
    for root, keys in (("tags", ("tags", "tag")), ("categories", ("categories", "category"))):
        for name in tags({key: fields[key] for key in keys if key in fields}):
            words = "-".join(name.split())
            for form in dict.fromkeys((words.lower(), words)):
                yield TagPage(name, "", f"/{root}/{form}/")


def published_at(fields: Mapping[str, Value], name: PurePath, zone: tzinfo, remarks: list[Remark]) -> datetime | None:
    """Return the date; None makes a draft. A day alone is its first minute, local time."""
    stem = name.parent.name if name.stem.lower() in INDEX else name.stem
    in_name = DAY_IN_NAME.match(stem)
    named = (text_of(fields, key) for key in DATES)
    given = next((text for text in named if text and not is_yes_or_no(text)), in_name["day"] if in_name else "")
    if not given:
        return None
    at = moment(given[:DATE_MAX], zone)
    if at is None:
        remarks.append(Remark("its date cannot be read, so it is a draft", given[:DATE_MAX]))
    return at


def moment(given: str, zone: tzinfo) -> datetime | None:
    """Return the moment that a text names, in `zone` unless it says otherwise; None if it names none."""
    text = given.strip()
    for read in (_iso, _loose, _mail):
        try:
            at = read(text)
        except (ValueError, TypeError, OverflowError):
            continue
        if at is not None and 1900 < at.year < 9000:
            return at if at.tzinfo else datetime.combine(at.date(), at.time() or time(0), zone)
    return None


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(re.sub(r"\s+([+-]\d\d:?\d\d)\Z", r"\1", text))


def _loose(text: str) -> datetime | None:
    found = _LOOSE.match(text)
    if not found:
        return None
    numbers = {name: int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{found['zone']}").tzinfo if found["zone"] else None
    return datetime(**numbers, tzinfo=zone)


def _mail(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return datetime.strptime(text, "%B %d, %Y")  # noqa: DTZ007 - `moment` gives it a zone


def without_place(fields: Mapping[str, Value]) -> Iterator[Remark]:
    """Yield a word about the keys that say nothing to this house, in one."""
    names = [
        f"{key} ({shown if len(shown) <= 40 else shown[:39] + '…'})"
        for key, value in fields.items()
        if key not in USED | KNOWN and key not in DATES and (shown := " ".join(_shown(value).split()))
    ]
    if names:
        yield Remark("has no place here", ", ".join(names), is_loss=False)


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else ", ".join(value)
