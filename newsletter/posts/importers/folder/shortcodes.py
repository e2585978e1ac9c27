"""The own marks of Hugo, Jekyll, Hexo, Docusaurus and Obsidian, written as Markdown; unknown ones stay, and are named.

Sources: Hugo's shortcodes, Jekyll's Liquid tags, Hexo's tag plugins. What themes brought is in themes.py, kramdown's
attribute lists are in kramdown.py, what Docusaurus and Obsidian have in docusaurus.py and obsidian.py. Pure.
"""

import re
import shlex
from collections.abc import Callable

from newsletter.posts.importers.folder import docusaurus, formulas, kramdown, notes, obsidian, raw_html, themes
from newsletter.posts.importers.folder.boxes import KINDS, PICTURE, boxed, quoted
from newsletter.posts.importers.folder.code import outside_code
from newsletter.posts.importers.html.notes import Remark

_PAIRED = re.compile(
    r"\{%-?\s*(?P<name>highlight|codeblock|code|blockquote|quote|note|raw|pullquote)\b(?P<args>[^%\n]*)-?%\}[ \t]*\n?"
    r"(?P<inner>.*?)\{%-?\s*end(?P=name)\s*-?%\}"
    r"|\{\{[<%]\s*(?P<hugo>highlight|details|expand|notice|admonition|tip|warning|alert|callout|quote)\b"
    r"(?P<given>[^>\n]*?)[>%]\}\}[ \t]*\n?"
    r"(?P<within>.*?)\{\{[<%]\s*/\s*(?P=hugo)\s*[>%]\}\}",
    re.DOTALL,
)
_SINGLE = re.compile(
    r"\{\{[<%]\s*(?P<hugo>/?[\w-][\w/-]*)(?P<given>[^\n]*?)/?\s*[>%]\}\}|\{%-?\s*(?P<liquid>\w+)(?P<args>[^%\n]*)-?%\}"
)
_SITE = re.compile(
    r"\{\{-?\s*(?:site\.(?:baseurl|url|BaseURL)|page\.baseurl|\.Site\.BaseURL)\s*-?\}\}/?", re.IGNORECASE
)
_RELATIVE = re.compile(r"\{\{-?\s*['\"]([^'\"\n]+)['\"]\s*\|\s*(?:relative_url|absolute_url|prepend:[^}\n]*)\s*-?\}\}")
_HIDDEN = re.compile(r"\{%-?\s*comment\s*-?%\}(?P<words>.*?)\{%-?\s*endcomment\s*-?%\}", re.DOTALL)
_VALUE = re.compile(r"(?<![\\=])\{\{-?(?![<%])\s*[\w.\"'\[][^{}\n]{0,200}?\s*-?\}\}")  # Liquid's and Go's
_ESCAPED = re.compile(r"(?P<open>\{\{[<%])/\*(?P<words>[^\n]*?)\*/(?P<close>[>%]\}\})")


def as_markdown(body: str, *, is_mdx: bool = False) -> tuple[str, list[Remark]]:
    """Return the text with the marks that are known as Markdown, and what was unknown. Code stays as it is.

    is_mdx: whether its program reads what stands in braces as a program.
    """
    remarks: list[Remark] = []
    text = themes.plain(formulas.as_code(body, remarks))
    literal = [found["inner"] for found in _PAIRED.finditer(text) if found["name"] == "raw"]
    text = _PAIRED.sub(lambda match: _paired(match, remarks), text) if "{%" in text or "{{" in text else text
    text = outside_code(text, lambda part: _plain(part, remarks, is_mdx=is_mdx, literal="".join(literal)))
    return notes.written_out(text), remarks


def _plain(text: str, remarks: list[Remark], *, is_mdx: bool, literal: str) -> str:
    if "{" in text:
        text = _HIDDEN.sub(lambda found: kramdown.comment(found["words"]), text)
        text = _RELATIVE.sub(r"\1", _SITE.sub("/", text))
        text = _SINGLE.sub(lambda match: _single(match, remarks), text)
        text = kramdown.plain(_ESCAPED.sub(r"\g<open>\g<words>\g<close>", text), remarks)
        values = (found[0] for found in _VALUE.finditer(text) if found[0] not in literal)
        remarks += [Remark("a value that a program writes stays as it was typed", value[:80]) for value in values]
    text = raw_html.plain(obsidian.plain(text, remarks), remarks)
    return docusaurus.plain(text, remarks, is_mdx=is_mdx)


# --- With an end ---


def _paired(match: re.Match[str], remarks: list[Remark]) -> str:
    name = match["name"] or match["hugo"]
    args = (match["args"] or match["given"] or "").strip()
    inner = match["inner"] if match["inner"] is not None else match["within"]
    if name == "raw":
        return inner
    if name in {"highlight", "codeblock", "code"}:
        fence = "````" if "```" in inner else "```"
        return f"{fence}{_language(args)}\n{inner.strip(chr(10))}\n{fence}"
    if name in {"blockquote", "quote", "pullquote"}:
        by = f"\n\n— {args}" if args and name != "pullquote" else ""
        return quoted(inner.strip() + by)
    words = _named(args).get("title") or " ".join(_positional(args)[1:])  # the first one is the kind
    if name in {"details", "expand"}:
        words = _named(args).get("summary") or words or " ".join(_positional(args))
        return quoted(f"**{words}**\n\n{inner.strip()}" if words else inner.strip())
    given = next(iter(_positional(args)), "") or _named(args).get("type", "")
    kind = given if given.lower() in KINDS else name
    return boxed(kind, words, inner)


def _language(args: str) -> str:
    given = re.search(r"lang:\s*([\w+#-]+)", args)
    first = next((word for word in _positional(args) if re.fullmatch(r"[\w+#-]{1,20}", word)), "")
    return given[1] if given else first if first != "linenos" else ""


# --- Without one ---


def _positional(args: str) -> list[str]:
    try:
        return [word for word in shlex.split(args) if not re.match(r"\w+\s*=", word)]
    except ValueError:
        return args.split()


def _named(args: str) -> dict[str, str]:
    found = re.findall(r"(\w+)\s*[=:]\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']+))", args)
    return {name.lower(): double or single or bare for name, double, single, bare in found}


def _single(match: re.Match[str], remarks: list[Remark]) -> str:
    name, args = (match["hugo"] or match["liquid"]).lower(), (match["given"] or match["args"] or "").strip()
    write = _WRITERS.get(name)
    written = write(_positional(args), _named(args)) if write else ""
    if not written:
        remarks.append(Remark("a short code stays as it was typed", match[0][:80]))
        return match[0]
    if name in _FILES:
        remarks.append(Remark("a film or sound stays at its old address", written[1 : written.index("](")]))
    return written


type Writer = Callable[[list[str], dict[str, str]], str]


def _figure(words: list[str], named: dict[str, str]) -> str:
    source = named.get("src") or named.get("link") or next((word for word in words if PICTURE.search(word)), "")
    if not source or not named:
        return _asset(words, named) if source else ""
    alt, caption = named.get("alt") or "", _caption(named)
    has_marks = bool(re.search(r"\]\(|[*`]|<\w", caption))  # a title of a picture has none: they stand below it
    shown = _shown(source, alt, "" if has_marks else caption)
    shown = f"[{shown}]({named['link']})" if named.get("link") and named.get("src") else shown
    return f"{shown}\n\n{caption}\n" if has_marks else shown


def _caption(named: dict[str, str]) -> str:
    """Return the words of a picture, and who made it (Hugo's attr and attrlink)."""
    title = named.get("title") if named.get("title") != named.get("caption") else ""
    by, link = named.get("attr", ""), named.get("attrlink", "")
    credit = f"[{by or link}]({link})" if link else by
    return " ".join(part for part in (title, named.get("caption"), credit) if part)


def _shown(source: str, alt: str, caption: str) -> str:
    said = caption.replace('"', "&quot;")
    address = f"<{source}>" if " " in source else source
    return f'![{alt}]({address} "{said}")' if caption else f"![{alt}]({address})"


def _asset(words: list[str], named: dict[str, str]) -> str:
    place = next((index for index, word in enumerate(words) if PICTURE.search(word)), None)
    if place is None:
        return ""
    rest = [word for word in words[place + 1 :] if not re.fullmatch(r"\d+%?", word)]
    return _shown(words[place], " ".join(rest), "")


def _film(before: str) -> Writer:
    def write(words: list[str], named: dict[str, str]) -> str:
        number = named.get("id") or next(iter(words), "")
        if number.startswith("http"):
            return f"\n\n{number}\n\n"
        return f"\n\n{before}{number}\n\n" if number else ""

    return write


def _tweet(words: list[str], named: dict[str, str]) -> str:
    number, user = named.get("id") or next(iter(words), ""), named.get("user", "i")
    if number.startswith("http"):
        return f"<{number}>"
    return f"<https://twitter.com/{user}/status/{number}>" if number else ""


def _instagram(words: list[str], named: dict[str, str]) -> str:
    return f"<https://www.instagram.com/p/{words[0]}/>" if words else ""


def _include(words: list[str], named: dict[str, str]) -> str:
    """A file of Jekyll's theme: those that show a film or a picture say so by their name or what they are given."""
    name = next(iter(words), "")
    provider = f"{name} {named.get('provider', '')}".lower()
    if film := next((before for site, before in _FILMS.items() if site in provider), ""):
        return _film(film)([], named)
    source = named.get("src") or named.get("url") or named.get("image_path") or named.get("path", "")
    is_picture = PICTURE.search(source) and re.search(r"fig|im(?:g|age)|pic|photo", name, re.IGNORECASE)
    return _shown(source, named.get("alt", ""), named.get("caption", "")) if is_picture else ""


def _gist(words: list[str], named: dict[str, str]) -> str:
    place = "/".join(words[:2])
    return f"<https://gist.github.com/{place}>" if place else ""


def _reference(words: list[str], named: dict[str, str]) -> str:
    return named.get("path") or next(iter(words), "")


def _post_link(words: list[str], named: dict[str, str]) -> str:
    return f"[{' '.join(words[1:]) or words[0]}]({words[0]}.md)" if words else ""


def _post_path(words: list[str], named: dict[str, str]) -> str:
    return f"{words[0]}.md" if words else ""


def _link(words: list[str], named: dict[str, str]) -> str:
    """Hexo's link has words and an address; Jekyll's is the path of a file."""
    if len(words) == 1 and "/" in words[0] and not words[0].startswith("http"):
        return f"/{words[0].lstrip('/')}"
    place = next((index for index, word in enumerate(words) if re.match(r"https?://|/", word)), None)
    return f"[{' '.join(words[:place]) or words[place]}]({words[place]})" if place is not None else ""


def _frame(words: list[str], named: dict[str, str]) -> str:
    """A page of another site in a frame: a link to it (here it would be one all the same)."""
    source = named.get("src") or named.get("url") or next(iter(words), "")
    return f"<{source}>" if source.startswith("http") else ""


def _bilibili(words: list[str], named: dict[str, str]) -> str:
    number = named.get("id") or named.get("bvid") or next(iter(words), "")
    return f"<https://www.bilibili.com/video/{number}/>" if re.fullmatch(r"(?:BV|av)\w{1,20}", number) else ""


def _file(words: list[str], named: dict[str, str]) -> str:
    """A film, a sound or a paper: a link to its file."""
    source = named.get("src") or named.get("file") or next(iter(words), "")
    return f"[{source.rpartition('/')[2]}](<{source}>)" if re.search(r"\.\w{2,4}$", source) else ""


_FILMS = {"youtube": "https://www.youtube.com/watch?v=", "vimeo": "https://vimeo.com/"}
_FILES = ("video", "audio", "pdf", "mp3", "mp4", "dplayer", "aplayer")
_WRITERS: dict[str, Writer] = {
    **dict.fromkeys(("figure", "img", "image"), _figure),
    "asset_img": _asset,
    **{site: _film(before) for site, before in _FILMS.items()},
    "instagram": _instagram,
    "iframe": _frame,
    "bilibili": _bilibili,
    **dict.fromkeys(_FILES, _file),
    "include": _include,
    **dict.fromkeys(("tweet", "twitter", "x"), _tweet),
    "gist": _gist,
    **dict.fromkeys(("ref", "relref"), _reference),
    "post_link": _post_link,
    **dict.fromkeys(("post_path", "post_url"), _post_path),
    "link": _link,
    **dict.fromkeys(("asset_path", "asset_link"), _reference),
}
