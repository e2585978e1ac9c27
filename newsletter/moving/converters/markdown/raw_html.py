"""HTML in Markdown that no page here shows becomes a link or a comment, and is named. Pure."""

import re

from newsletter.moving.converters.html.boxes import (
    ELSEWHERE,
    GIST,
    KEPT,
    OF_EMBED,
    remark_of,
    safe_comment,
    short,
)
from newsletter.moving.converters.markdown.code import Code
from newsletter.moving.counting import Counts, of_html
from newsletter.moving.folder.layout import Remark
from newsletter.posts.markdown.figures import film

_MEDIA = re.compile(
    r"<(?P<name>video|audio)\b(?P<given>[^<>]{0,1000})>(?P<inner>.{0,4000}?)</(?P=name)\s*>", re.DOTALL | re.IGNORECASE
)
_SOURCE = re.compile(r"\ssrc\s*=\s*[\"']?(?P<url>[^\s\"'<>]+)", re.IGNORECASE)
_SCRIPT = re.compile(r"<script\b(?P<given>[^<>]{0,1000})>(?P<inner>.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
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


def without_hidden_html(typed: str) -> tuple[str, list[Remark]]:
    """Return Markdown of a program whose own marks are Markdown's, and what was changed in it."""
    remarks, code = list[Remark](), Code()
    return code.put_back(with_html_shown(code.take_out(typed), code, remarks)), remarks


def with_html_shown(text: str, code: Code, remarks: list[Remark]) -> str:
    """Return the text with films as links and with what no page shows as comments; each is named. `code` is out."""
    if "<" not in text:
        return text
    text = _MEDIA.sub(lambda found: _media(found, remarks), text)
    text = _SCRIPT.sub(lambda found: _script(found, code, remarks), text)
    text = _DROPPED.sub(lambda found: _dropped(found, code, remarks), text)
    text = _MARKED.sub(_with_lines, _LAZY.sub(lambda found: f"<img{found['before']} src=", text))
    sources = (_SOURCE.search(found["given"]) for found in _FRAME.finditer(text))
    urls = dict.fromkeys(found["url"] for found in sources if found)
    remarks += [Remark(ELSEWHERE, url) for url in urls if film(url) is None]
    if names := [found["name"] for found in _ANCHOR.finditer(text)]:
        what = "a place within the text that links could name stays away"
        remarks.append(Remark(what, ", ".join(names)[:200], is_loss=False))
    return _ANCHOR.sub("", text)


def _media(found: re.Match[str], remarks: list[Remark]) -> str:
    source = _SOURCE.search(found["given"]) or _SOURCE.search(found["inner"])
    if not source:
        return found[0]
    url = source["url"]
    remarks.append(Remark("a film or sound stays at its old address", url, effect={"embeds": -1, "links": 1}))
    return f"[{url.rpartition('/')[2] or url}](<{url}>)"


def _script(found: re.Match[str], code: Code, remarks: list[Remark]) -> str:
    source = _SOURCE.search(found["given"])
    if source and (gist := GIST.match(source["url"])):
        remarks.append(Remark("a program that stands at GitHub is a link", gist[1], effect={"links": 1}))
        return f"<{gist[1]}>"
    if source and OF_EMBED.search(source["url"]):
        remarks.append(Remark("the script of an embed stays away", source["url"]))
        return ""
    return _kept(code.put_back(found[0]), "script", remarks)


def _dropped(found: re.Match[str], code: Code, remarks: list[Remark]) -> str:
    name, typed = (found["name"] or "embed").lower(), code.put_back(found[0])
    if name not in {"object", "embed"}:
        return _kept(typed, name, remarks)
    films = (film(one["url"]) for one in _PLAYED.finditer(typed))
    shown_film = next((one.page_url for one in films if one), "")
    rest = _PLAYER.sub("", typed).strip()  # what it says where its player is missing
    player = "".join(one[0] for one in _PLAYER.finditer(typed))
    return "\n\n".join(filter(None, (shown_film or _kept(player, name, remarks), rest)))


def _kept(typed: str, name: str, remarks: list[Remark]) -> str:
    what, detail = KEPT[name], short(typed)
    remarks.append(remark_of(what, detail, of_html(typed), Counts()) or Remark(what, detail))
    return f"<!--{safe_comment(typed)}-->"


def _with_lines(found: re.Match[str]) -> str:
    """Markdown within a box: blank lines around it, and it is read."""
    inner = re.sub(r"</summary>[ \t]*\n", "</summary>\n\n", found["inner"])
    return f"<{found['name']}{found['given']}{found['rest']}>\n\n{inner.strip()}\n\n</{found['name']}>"
