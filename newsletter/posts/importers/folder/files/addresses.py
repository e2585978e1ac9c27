"""Where a Markdown file was to be read: what it says itself, and what its program makes of its name. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from newsletter.posts.importers.folder.files.fields import DAY_IN_NAME, INDEX, first_of, list_of, tags, without_language
from newsletter.posts.importers.front_matter import Value

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
