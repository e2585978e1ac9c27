"""Marks of Liquid and Hugo without an end: pictures, films, links, boxes whose words are given to them. Pure.

Sources: Hugo's short codes, Jekyll's Liquid tags and the files of its themes (`include`), Hexo's tag plugins.
"""

import re
from collections.abc import Callable

from newsletter.posts.importers.folder.boxes import KINDS, PICTURE, boxed
from newsletter.posts.importers.folder.tags import Tag
from newsletter.posts.importers.html.notes import Remark

type Writer = Callable[[list[str], dict[str, str]], str]


def _figure(words: list[str], named: dict[str, str]) -> str:
    source = named.get("src") or named.get("link") or next((word for word in words if PICTURE.search(word)), "")
    if not source or not named:
        return _asset(words, named) if source else ""
    alt, caption = named.get("alt") or "", _caption(named)
    has_marks = bool(re.search(r"\]\(|[*`]|<\w", caption))  # a title of a picture has none: they stand below it
    shown = _shown(source, alt, "" if has_marks else caption)
    link = named.get("link") or named.get("href")
    shown = f"[{shown}]({link})" if link and named.get("src") else shown
    return f"{shown}\n\n{caption}\n" if has_marks else shown


def _caption(named: dict[str, str]) -> str:
    """Return the words of a picture, and who made it (Hugo's attr and attrlink)."""
    title = named.get("title") if named.get("title") != named.get("caption") else ""
    by, link = named.get("attr", ""), named.get("attrlink", "")
    credit = f"[{by or link}]({link})" if link else by
    return " ".join(" ".join(part.split()) for part in (title, named.get("caption"), credit) if part)


def _shown(source: str, alt: str, caption: str) -> str:
    said = caption.replace('"', "&quot;")
    address, alt = f"<{source}>" if " " in source else source, re.sub(r"([\[\]])", r"\\\1", " ".join(alt.split()))
    return f'![{alt}]({address} "{said}")' if caption else f"![{alt}]({address})"


def _asset(words: list[str], named: dict[str, str]) -> str:
    place = next((index for index, word in enumerate(words) if PICTURE.search(word)), None)
    if place is None:
        return ""
    rest = " ".join(word for word in words[place + 1 :] if not re.fullmatch(r"\d+(?:%|px)?", word))
    both = re.fullmatch(r"(?P<title>[^']*?)\s*'(?P<alt>[^']+)'", rest)  # Hexo: "title 'alt'"
    return _shown(words[place], both["alt"], both["title"]) if both else _shown(words[place], rest, "")


def _film(before: str) -> Writer:
    def write(words: list[str], named: dict[str, str]) -> str:
        number = named.get("id") or next(iter(words), "")
        if number.startswith("http"):
            return f"\n\n{number}\n\n"
        if number and "playlist" in words[1:2]:
            return f"\n\n<https://www.youtube.com/playlist?list={number}>\n\n"
        start = named.get("start") or named.get("t", "")
        begins = f"&t={start}" if start.isdecimal() and "youtube" in before else ""
        return f"\n\n{before}{number}{begins}\n\n" if number else ""

    return write


def _tweet(words: list[str], named: dict[str, str]) -> str:
    number, user = named.get("id") or next(iter(words), ""), named.get("user", "i")
    if number.startswith("http"):
        return f"<{number}>"
    return f"<https://twitter.com/{user}/status/{number}>" if number else ""


def _instagram(words: list[str], named: dict[str, str]) -> str:
    return f"<https://www.instagram.com/p/{words[0]}/>" if words else ""


def _include(words: list[str], named: dict[str, str]) -> str:
    """A file of Jekyll's theme: what shows a film, a picture or a box says so by its name or what it is given."""
    name = next(iter(words), "")
    provider, stem = f"{name} {named.get('provider', '')}".lower(), name.rpartition("/")[2].partition(".")[0].lower()
    if film := next((before for site, before in _FILMS.items() if site in provider), ""):
        return _film(film)([], named)
    if stem in _BOXES and (text := _told(named)):
        return f"\n\n{_boxed(stem, named, text)}\n\n"
    given = ("src", "url", "image_path", "path", "image", "file", "img")
    source = next((named[key] for key in given if named.get(key)), "")
    is_picture = PICTURE.search(source) and re.search(r"fig|im(?:g|age)|pic|photo", name, re.IGNORECASE)
    return _figure([], {**named, "src": source, "alt": named.get("alt", "")}) if is_picture else ""


def _told(named: dict[str, str]) -> str:
    return next((named[key] for key in ("text", "content", "message", "body") if named.get(key)), "")


def _boxed(name: str, named: dict[str, str], text: str) -> str:
    kinds = (named.get(key, "").lower() for key in ("type", "kind", "context", "level"))
    kind = next((one for one in kinds if one in KINDS), name)
    return boxed(kind, named.get("title") or named.get("header") or "", text)


def _box(name: str) -> Writer:
    """A box whose words are given to its mark: `{{< alert text="…" />}}`."""

    def write(words: list[str], named: dict[str, str]) -> str:
        return f"\n\n{_boxed(name, named, text)}\n\n" if (text := _told(named)) else ""

    return write


def _gist(words: list[str], named: dict[str, str]) -> str:
    place = "/".join(words[:2])
    return f"<https://gist.github.com/{place}>" if place else ""


def _reference(words: list[str], named: dict[str, str]) -> str:
    return named.get("path") or next(iter(words), "")


def _post_link(words: list[str], named: dict[str, str]) -> str:
    return f"[{' '.join(_shown_words(words[1:])) or words[0]}]({words[0].removesuffix('.md')}.md)" if words else ""


def _post_path(words: list[str], named: dict[str, str]) -> str:
    return f"{words[0]}.md" if words else ""


def _link(words: list[str], named: dict[str, str]) -> str:
    """Hexo's link has words and an address, Hugo's themes' an address and words; Jekyll's is the path of a file."""
    if named.get("href"):
        return f"[{_told(named) or named.get('title') or named['href']}]({named['href']})"
    if len(words) == 1 and "/" in words[0] and not words[0].startswith("http"):
        return f"/{words[0].lstrip('/')}"
    place = next((index for index, word in enumerate(words) if re.match(r"https?://|/", word)), None)
    if place is None:
        return ""
    before, after = _shown_words(words[:place]), _shown_words(words[place + 1 :])
    has_title = before and after and not re.match(r"https?://|/", after[0])  # or the picture of a card
    title = f' "{" ".join(after)}"' if has_title else ""
    return f"[{' '.join(before or after) or words[place]}]({words[place]}{title})"


def _shown_words(words: list[str]) -> list[str]:
    return [word.strip() for word in words if word not in {"true", "false"}]


def _asset_link(words: list[str], named: dict[str, str]) -> str:
    """Hexo's link to a file that lies beside the text."""
    return f"[{' '.join(_shown_words(words[1:])) or words[0]}](<{words[0]}>)" if words else ""


def _frame(words: list[str], named: dict[str, str]) -> str:
    """A page of another site in a frame: a link to it (here it would be one all the same)."""
    source = named.get("src") or named.get("url") or next(iter(words), "")
    return f"<{source}>" if source.startswith("http") else ""


def _file(words: list[str], named: dict[str, str]) -> str:
    """A film, a sound or a paper: a link to its file."""
    source = named.get("src") or named.get("file") or next(iter(words), "")
    return f"[{source.rpartition('/')[2]}](<{source}>)" if re.search(r"\.\w{2,4}$", source) else ""


_FILMS = {"youtube": "https://www.youtube.com/watch?v=", "vimeo": "https://vimeo.com/"}
_BOXES = (
    "alert",
    "callout",
    "notice",
    "note",
    "tip",
    "warning",
    "important",
    "info",
    "danger",
    "caution",
    "admonition",
)
_FILES = ("video", "audio", "pdf", "mp3", "mp4")
_WRITERS: dict[str, Writer] = {
    **dict.fromkeys(("figure", "img", "image", "picture", "imgcap"), _figure),
    **{name: _box(name) for name in _BOXES},
    "asset_img": _asset,
    **{site: _film(before) for site, before in _FILMS.items()},
    "instagram": _instagram,
    "iframe": _frame,
    **dict.fromkeys(_FILES, _file),
    "include": _include,
    **dict.fromkeys(("tweet", "twitter", "x"), _tweet),
    "gist": _gist,
    **dict.fromkeys(("ref", "relref"), _reference),
    "post_link": _post_link,
    **dict.fromkeys(("post_path", "post_url"), _post_path),
    **dict.fromkeys(("link", "exturl", "extlink"), _link),
    "asset_path": _reference,
    "asset_link": _asset_link,
}


# What is another thing here than it was there, by its name.
_NAMED = {
    "a film or sound stays at its old address": _FILES,
    "a file that is no picture stays at its old address": ("asset_link",),
    "a program that stands at GitHub is a link": ("gist",),
    "what another site shows is a link": ("tweet", "twitter", "x", "instagram", "iframe"),
}


def written(tag: Tag, remarks: list[Remark]) -> str:
    """Return a mark as Markdown, or as it was typed, and named."""
    write = None if tag.is_end else _WRITERS.get(tag.name)
    found = write(tag.words, tag.named) if write else ""
    if not found:
        remarks.append(Remark("a short code stays as it was typed", " ".join(tag.typed.split())[:80]))
        return tag.typed
    if what := next((what for what, names in _NAMED.items() if tag.name in names), ""):
        remarks.append(Remark(what, found.rpartition("<")[2].rstrip(">)")))
    return found
