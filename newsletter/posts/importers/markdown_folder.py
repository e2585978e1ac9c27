"""A folder of Markdown files, with or without front matter, as Jekyll, Hugo and Obsidian keep them."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, time, tzinfo
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from django.utils.text import slugify

from newsletter.mail.characters import nfc, single_line, without_control
from newsletter.posts.importers.drafts import Draft, Illustration, Rejected
from newsletter.posts.importers.front_matter import FrontMatterError, Value, parse
from newsletter.posts.importers.visibility import is_hidden, is_yes_or_no, unknown_wishes
from newsletter.posts.markdown.lines import without_closing_hashes
from newsletter.posts.models import BODY_MAX, TAG_NAME_MAX, tag_names
from newsletter.posts.text.measures import words_from_title
from newsletter.publication.pictures.uploads import BYTES_MAX, PictureError, prepare_with_wide

SUFFIXES = {".md", ".markdown"}
DATE_MAX = 80  # characters
MOST = {"title": 120, "summary": 200, "source": 200}  # characters, as the columns of Post
_HEADING = re.compile(r"\A\s*#[ \t]+(?P<title>[^\n]+)(?:\n|\Z)")
_DAY_IN_NAME = re.compile(r"\A(?P<day>\d{4}-\d{2}-\d{2})[-_ ]?")
_CODE_OR_PICTURE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)|\Z)|(?P<ticks>`+)[^`\n].*?(?P=ticks)"
    r"|!\[(?P<alt>[^\[\]]*+)\]\((?:<(?P<bracketed>[^>\n]+)>|(?P<path>[^)\s]+))(?P<title>[^)\n]*)\)",
    re.DOTALL | re.MULTILINE,
)
_ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//|/media/)", re.IGNORECASE)


def articles(path: Path, zone: tzinfo) -> Iterator[tuple[str, Callable[[], Draft]]]:
    """Yield the name of each Markdown file below `path`, or of the file `path`, and what reads it.

    The name counts from the folder: the same folder must be named for a file to find its post again.
    """
    root = path if path.is_dir() else path.parent
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        name = file.relative_to(root)
        if file.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), partial(read, file, root, zone)


def read(file: Path, root: Path, zone: tzinfo) -> Draft:
    """Return the article in `file`; raise Rejected when it cannot become a post."""
    if not file.resolve().is_relative_to(root.resolve()):
        raise Rejected("it is a link to a file outside the folder")
    fields, body = _parsed(_text(file))
    title, body = _title(fields, body, file)
    body, pictures = _with_pictures(body.strip(), file, root)
    cover = _text_of(fields, "cover", "image")
    draft = Draft(
        source=f"markdown:{file.relative_to(root).as_posix()}",
        title=title,
        body=body,
        words=_words(fields, title, file),
        summary=_text_of(fields, "summary", "description", "excerpt"),
        tags=tuple(_tags(fields)),
        published_at=None if is_hidden(fields, file.relative_to(root)) else _published_at(fields, file, zone),
        cover=_illustration(cover, title, file, root) if cover and not _ELSEWHERE.match(cover) else None,
        pictures=tuple(pictures),
        remarks=tuple(unknown_wishes(fields)),
    )
    return _fitting(draft)


def _parsed(text: str) -> tuple[dict[str, Value], str]:
    try:
        return parse(text)
    except FrontMatterError as error:
        raise Rejected(str(error)) from error


def _text(file: Path) -> str:
    if file.stat().st_size > BODY_MAX * 4:
        raise Rejected(f"it is longer than {BODY_MAX:,} characters")
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(f"it is not UTF-8 text (byte {error.start})") from error
    if "\0" in text:
        raise Rejected("it contains a NUL character; is it a text?")
    if text.startswith("+++"):
        raise Rejected("its front matter is TOML (+++); write it between --- lines")
    return nfc(without_control(text))


def _fitting(draft: Draft) -> Draft:
    """Return `draft` if every part fits into a post."""
    if not draft.body:
        raise Rejected("it has no text")
    if len(draft.body) > BODY_MAX:
        raise Rejected(f"it has {len(draft.body):,} characters; at most {BODY_MAX:,} fit")
    for name, most in MOST.items():
        if len(getattr(draft, name)) > most:
            raise Rejected(f"its {name} has {len(getattr(draft, name))} characters; at most {most} fit")
    long = [name for name in draft.tags if len(name) > TAG_NAME_MAX]
    if long:
        raise Rejected(f"the tag {long[0]!r} is too long")
    return draft


# --- Fields ---


def _text_of(fields: dict[str, Value], *names: str) -> str:
    found = next((fields[name] for name in names if fields.get(name)), "")
    return single_line(found if isinstance(found, str) else ", ".join(found))


def _title(fields: dict[str, Value], body: str, file: Path) -> tuple[str, str]:
    """Return the title, and the text without a first heading that repeats it."""
    heading = _HEADING.match(body)
    given = _text_of(fields, "title")
    title = without_closing_hashes(heading["title"]).strip() if heading else ""
    if heading and title and given in {"", title}:
        return title, body[heading.end() :]
    return given or _DAY_IN_NAME.sub("", file.stem).strip() or file.stem, body


def _words(fields: dict[str, Value], title: str, file: Path) -> str:
    given = _text_of(fields, "words", "slug")
    stem = slugify(_DAY_IN_NAME.sub("", file.stem))
    named = stem if re.search(r"[a-z]{2}", stem) and stem not in {"index", "readme"} else ""
    return slugify(given[: MOST["title"]])[:60] or words_from_title(title) or named[:60].strip("-")


def _tags(fields: dict[str, Value]) -> list[str]:
    """Return the names of a list as they are, and those of a text where commas part them."""
    given = fields.get("tags") or fields.get("categories") or ""
    return tag_names(given if isinstance(given, str) else "\n".join(" ".join(tag_names(name)) for name in given))


def _published_at(fields: dict[str, Value], file: Path, zone: tzinfo) -> datetime | None:
    """Return the date; None makes a draft. A day alone is its first minute, local time."""
    in_name = _DAY_IN_NAME.match(file.stem)
    named = (_text_of(fields, name) for name in ("date", "published_at", "published"))
    given = next((text for text in named if text and not is_yes_or_no(text)), in_name["day"] if in_name else "")
    if not given:
        return None
    given = given[:DATE_MAX]
    try:
        at = datetime.fromisoformat(re.sub(r"\s+([+-]\d\d:?\d\d)\Z", r"\1", given))
    except ValueError as error:
        raise Rejected(f"its date {given!r} is not like 2026-11-24 or 2026-11-24 08:00") from error
    return at if at.tzinfo else datetime.combine(at.date(), at.time() or time(0), zone)


# --- Pictures ---


def _with_pictures(body: str, file: Path, root: Path) -> tuple[str, list[Illustration]]:
    """Return the text with the addresses that its pictures will have, and the pictures; code is left alone."""
    found: dict[str, Illustration] = {}

    def rewritten(match: re.Match[str]) -> str:
        path = match["bracketed"] or match["path"]
        if path is None or _ELSEWHERE.match(path):
            return match[0]
        if path not in found:
            found[path] = _same_name(_illustration(path, match["alt"], file, root), found)
        return f"![{match['alt'] or found[path].alt}]({found[path].url}{match['title']})"

    return _CODE_OR_PICTURE.sub(rewritten, body), list(found.values())


def _same_name(one: Illustration, found: dict[str, Illustration]) -> Illustration:
    return next((other for other in found.values() if other.picture.digest == one.picture.digest), one)


def _illustration(path: str, alt: str, file: Path, root: Path) -> Illustration:
    base = root if path.startswith("/") else file.parent
    target = (base / unquote(path).lstrip("/")).resolve()
    if not target.is_relative_to(root.resolve()):
        raise Rejected(f"the picture {path} is outside the folder; import the folder above")
    if not target.is_file():
        raise Rejected(f"the picture {path} does not exist")
    try:
        with target.open("rb") as opened:
            picture = prepare_with_wide(opened.read(BYTES_MAX + 1))
    except PictureError as error:
        raise Rejected(f"the picture {path}: {error}") from error
    return Illustration.of(picture, target.name, (alt or target.stem)[:200])
