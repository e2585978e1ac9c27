"""HTML that stands in a Markdown text, and that no page here shows: films, scripts, forms, lazy pictures. Pure."""

import re
from collections.abc import Callable

from newsletter.posts.importers.folder.code import outside_code, substituted
from newsletter.posts.importers.html.converting import shown
from newsletter.posts.importers.html.counts import Remark, short
from newsletter.posts.markdown.figures import film

_MEDIA = re.compile(
    r"<(?P<name>video|audio)\b(?P<given>[^<>]{0,1000})>(?P<inner>.{0,4000}?)</(?P=name)\s*>", re.DOTALL | re.IGNORECASE
)
_SOURCE = re.compile(r"\ssrc\s*=\s*[\"']?(?P<url>[^\s\"'<>]+)", re.IGNORECASE)
_SCRIPT = re.compile(r"<script\b(?P<given>[^<>]{0,1000})>(?P<inner>.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_GIST = re.compile(r"(https://gist\.github\.com/[\w/-]{1,200}?)\.js")
_DROPPED = re.compile(
    r"<(?P<name>style|object|svg|canvas|form|noscript|template)\b[^<>]{0,2000}>.*?</(?P=name)\s*>|<embed\b[^<>]{0,1000}>",
    re.DOTALL | re.IGNORECASE,
)
_PLAYER = re.compile(r"</?(?:object|param|embed)\b[^<>]{0,2000}>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_PLAYED = re.compile(r"\s(?:src|data|value)\s*=\s*[\"']?(?P<url>[^\s\"'<>]+)", re.IGNORECASE)
_FRAME = re.compile(r"<iframe\b(?P<given>[^<>]{0,2000})>", re.IGNORECASE)
_LAZY = re.compile(
    r"<img\b(?![^<>]{0,2000}\ssrc\s*=)(?P<before>[^<>]{0,2000}?)\sdata-(?:src|original|lazy-src)=", re.IGNORECASE
)
_MARKED = re.compile(
    r"^[ \t]*<(?P<name>div|section|article|aside|figure|center|details)\b(?P<given>[^<>\n]{0,500}?)"
    r"\smarkdown=[\"']?(?:1|block|span)[\"']?(?P<rest>[^<>\n]{0,500})>(?P<inner>.*?)</(?P=name)>",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
_ANCHOR = re.compile(r"<a\s+(?:name|id)=[\"']?(?P<name>[^\s\"'<>]+)[\"']?\s*(?:/>|>\s*</a>)", re.IGNORECASE)
# What says how words look, and is kept by no page here.
_LOOK = re.compile(
    r"<(?:font\b[^<>]{0,300}|center)>"
    r"|<\w{1,20}\b[^<>]{0,500}?\s(?P<style>style\s*=\s*(?:\"[^\"<>]{0,500}\"|'[^'<>]{0,500}'))"
    r"|<(?:p|div|h[1-6]|t[dhr]|table|img)\b[^<>]{0,300}?\s(?P<side>align\s*=\s*[\"']?\w{1,10}[\"']?)",
    re.IGNORECASE,
)
KINDS = {
    "style": "a style sheet",
    "object": "an object",
    "embed": "an object",
    "svg": "a drawing (SVG)",
    "canvas": "a canvas",
    "form": "a form",
    "noscript": "a template",
    "template": "a template",
}


def replaced(typed: str) -> tuple[str, list[Remark]]:
    """Return Markdown of a program whose own marks are Markdown's, and what was changed in it; code stays."""
    remarks: list[Remark] = []
    text = plain(typed, remarks)
    if text != typed:
        remarks.append(Remark("short codes are Markdown now", effect=shown(text) - shown(typed), is_loss=False))
    return text, remarks


def plain(text: str, remarks: list[Remark]) -> str:
    """Return the text with films as links and with what no page shows as comments; each is named. Code stays."""
    if "<" not in text:
        return text
    changes: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], list[Remark]], str]], ...] = (
        (_MEDIA, _media),
        (_SCRIPT, _script),
        (_DROPPED, _dropped),
    )
    for pattern, change in changes:
        text = substituted(pattern, lambda found, change=change: change(found, remarks), text)  # type: ignore[misc]  # mypy cannot type a default
    text = substituted(_MARKED, _with_lines, substituted(_LAZY, lambda found: f"<img{found['before']} src=", text))
    looks: dict[str, None] = {}
    text = outside_code(text, lambda part: _without_anchors(_with_names(part, looks, remarks), remarks))
    if looks:
        remarks.append(Remark("the look of single parts stays away", ", ".join(looks)[:200], is_loss=False))
    return text


def _with_names(text: str, looks: dict[str, None], remarks: list[Remark]) -> str:
    """Return the text as it is. Pages of other sites in frames, but for films, are links here; looks stay away."""
    looks |= dict.fromkeys(found["style"] or found["side"] or found[0] for found in _LOOK.finditer(text))
    sources = (_SOURCE.search(found["given"]) for found in _FRAME.finditer(text))
    urls = dict.fromkeys(found["url"] for found in sources if found)
    remarks += [Remark("what another site shows is a link", url) for url in urls if film(url) is None]
    return text


def _media(found: re.Match[str], remarks: list[Remark]) -> str:
    source = _SOURCE.search(found["given"]) or _SOURCE.search(found["inner"])
    if not source:
        return found[0]
    url = source["url"]
    remarks.append(Remark("a film or sound stays at its old address", url))
    return f"[{url.rpartition('/')[2] or url}](<{url}>)"


def _script(found: re.Match[str], remarks: list[Remark]) -> str:
    source = _SOURCE.search(found["given"])
    if source and (gist := _GIST.match(source["url"])):
        remarks.append(Remark("a program that stands at GitHub is a link", gist[1]))
        return f"<{gist[1]}>"
    if source and re.search(r"(twitter|instagram|tiktok|facebook|x)\.com|t\.co", source["url"]):
        remarks.append(Remark("the script of an embed stays away", source["url"]))
        return ""
    return _kept(found[0], "a script", remarks)


def _dropped(found: re.Match[str], remarks: list[Remark]) -> str:
    name = (found["name"] or "embed").lower()
    if name not in {"object", "embed"}:
        return _kept(found[0], KINDS[name], remarks)
    films = (film(one["url"]) for one in _PLAYED.finditer(found[0]))
    shown_film = next((one.page_url for one in films if one), "")
    rest = _PLAYER.sub("", found[0]).strip()  # what it says where its player is missing
    code = "".join(one[0] for one in _PLAYER.finditer(found[0]))
    return "\n\n".join(filter(None, (shown_film or _kept(code, KINDS[name], remarks), rest)))


def _kept(typed: str, what: str, remarks: list[Remark]) -> str:
    remarks.append(Remark(f"{what} is kept as a comment", short(typed)))
    safe = re.sub(r"\n\s*\n+", "\n", typed[:2_000]).replace("--", "- -").replace("<", "‹").replace(">", "›")
    return f"<!-- {safe} -->"


def _with_lines(found: re.Match[str]) -> str:
    """Markdown within a box: blank lines around it, and it is read."""
    inner = re.sub(r"</summary>[ \t]*\n", "</summary>\n\n", found["inner"])
    return f"<{found['name']}{found['given']}{found['rest']}>\n\n{inner.strip()}\n\n</{found['name']}>"


def _without_anchors(text: str, remarks: list[Remark]) -> str:
    names = [found["name"] for found in _ANCHOR.finditer(text)]
    if names:
        what = "a place within the text that links could name stays away"
        remarks.append(Remark(what, ", ".join(names)[:200], is_loss=False))  # links to them: html/places.py
    return _ANCHOR.sub("", text)
