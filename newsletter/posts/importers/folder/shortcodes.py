"""The own marks of Hugo, Jekyll, Hexo, Docusaurus and Obsidian, written as Markdown; unknown ones stay, and are named.

Sources: Hugo's shortcodes, Jekyll's Liquid tags and kramdown's attribute lists, Hexo's tag plugins, Docusaurus's
admonitions, Obsidian's links, embeds, callouts and comments. Pure.
"""

import re
import shlex
from collections.abc import Callable
from html import escape

from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.markdown.structure import CALLOUTS

PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|svg|bmp)$", re.IGNORECASE)
_CODE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?P<ticks>`+)[^`\n](?:[^`]|`(?!(?P=ticks)))*?(?P=ticks)",
    re.DOTALL | re.MULTILINE,
)
_PAIRED = re.compile(
    r"\{%-?\s*(?P<name>highlight|codeblock|code|blockquote|quote|note|raw|pullquote)\b(?P<args>[^%\n]*)-?%\}[ \t]*\n?"
    r"(?P<inner>.*?)\{%-?\s*end(?P=name)\s*-?%\}"
    r"|\{\{[<%]\s*(?P<hugo>highlight|details|notice|admonition|tip|warning|alert|callout|quote)\b"
    r"(?P<given>[^>\n]*?)[>%]\}\}[ \t]*\n?"
    r"(?P<within>.*?)\{\{[<%]\s*/\s*(?P=hugo)\s*[>%]\}\}",
    re.DOTALL,
)
_SINGLE = re.compile(
    r"\{\{[<%]\s*(?P<hugo>/?[\w/-]+)(?P<given>[^\n]*?)/?\s*[>%]\}\}|\{%-?\s*(?P<liquid>\w+)(?P<args>[^%\n]*)-?%\}"
)
_SITE = re.compile(
    r"\{\{-?\s*(?:site\.(?:baseurl|url|BaseURL)|page\.baseurl|\.Site\.BaseURL)\s*-?\}\}/?", re.IGNORECASE
)
_RELATIVE = re.compile(r"\{\{-?\s*['\"]([^'\"\n]+)['\"]\s*\|\s*(?:relative_url|absolute_url|prepend:[^}\n]*)\s*-?\}\}")
_ATTRIBUTES = re.compile(r"[ \t]*\{:[^}\n]*\}")
_ADMONITION = re.compile(
    r"^:::(?P<kind>\w+)[ \t]*(?:\[(?P<boxed>[^\]\n]*)\]|(?P<title>[^\n]*))\n(?P<inner>.*?)^:::[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_WIKI = re.compile(r"(?P<embed>!?)\[\[(?P<target>[^\s\[\]|][^\[\]|\n]*)(?:\|(?P<alias>[^\[\]\n]*))?\]\]")
_HIDDEN = re.compile(r"%%(?P<words>.+?)%%", re.DOTALL)
_CALLOUT = re.compile(r"^(?P<before>[ \t>]*>[ \t]*)\[!(?P<kind>\w+)\]", re.MULTILINE)
_MDX = re.compile(
    r"^(?:import\s+[^\n]+?\s+from\s+['\"][^'\"\n]+['\"];?|export\s+(?:const|default)\s[^\n]*)$", re.MULTILINE
)
# Kinds of boxes elsewhere, and the one of ours that says nearly the same.
KINDS = {
    **{name: name.upper() for name in CALLOUTS},
    **dict.fromkeys(
        ("info", "abstract", "summary", "todo", "question", "example", "quote", "default", "primary"), "NOTE"
    ),
    **dict.fromkeys(("success", "hint", "check", "done"), "TIP"),
    **dict.fromkeys(("danger", "error", "failure", "bug"), "CAUTION"),
    "attention": "WARNING",
}


def as_markdown(body: str) -> tuple[str, list[Remark]]:
    """Return the text with the marks that are known as Markdown, and what was unknown. Code stays as it is."""
    remarks: list[Remark] = []
    text = _PAIRED.sub(lambda match: _paired(match, remarks), body) if "{%" in body or "{{" in body else body
    pieces, position = [], 0
    for code in _CODE.finditer(text):
        pieces += [_plain(text[position : code.start()], remarks), code[0]]
        position = code.end()
    return "".join([*pieces, _plain(text[position:], remarks)]), remarks


def _plain(text: str, remarks: list[Remark]) -> str:
    if "{" in text:
        text = _RELATIVE.sub(r"\1", _SITE.sub("/", text))
        text = _SINGLE.sub(lambda match: _single(match, remarks), text)
        text = _ATTRIBUTES.sub("", text)
    text = _ADMONITION.sub(_admonition, text) if ":::" in text else text
    text = _WIKI.sub(_wiki, text) if "[[" in text else text
    text = _HIDDEN.sub(lambda match: f"<!-- {match['words'].strip()} -->", text) if "%%" in text else text
    text = _CALLOUT.sub(_known_kind, text) if "[!" in text else text
    return _MDX.sub(lambda match: _mdx(match, remarks), text)


def _mdx(match: re.Match[str], remarks: list[Remark]) -> str:
    remarks.append(Remark("a line of a program is left out", match[0][:80]))
    return ""


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
        return _quoted(inner.strip() + by)
    words = _named(args).get("title") or " ".join(_positional(args)[1:])  # the first one is the kind
    if name == "details":
        words = _named(args).get("summary") or words or " ".join(_positional(args))
        return _quoted(f"**{words}**\n\n{inner.strip()}" if words else inner.strip())
    given = next(iter(_positional(args)), "") or _named(args).get("type", "")
    kind = given if given.lower() in KINDS else name
    return _boxed(kind, words, inner)


def _language(args: str) -> str:
    given = re.search(r"lang:\s*([\w+#-]+)", args)
    first = next((word for word in _positional(args) if re.fullmatch(r"[\w+#-]{1,20}", word)), "")
    return given[1] if given else first if first != "linenos" else ""


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _boxed(kind: str, title: str, inner: str) -> str:
    head = f"[!{KINDS.get(kind.lower(), 'NOTE')}] {title.strip()}".rstrip()
    return _quoted(f"{head}\n{inner.strip()}")


def _admonition(match: re.Match[str]) -> str:
    return _boxed(match["kind"], match["boxed"] or match["title"] or "", match["inner"])


def _known_kind(match: re.Match[str]) -> str:
    return f"{match['before']}[!{KINDS.get(match['kind'].lower(), 'NOTE')}]"


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
    return written


type Writer = Callable[[list[str], dict[str, str]], str]


def _figure(words: list[str], named: dict[str, str]) -> str:
    source = named.get("src") or named.get("link") or next((word for word in words if PICTURE.search(word)), "")
    if not source or not named:
        return _asset(words, named) if source else ""
    alt = named.get("alt") or ""
    caption = named.get("caption") or named.get("title") or ""
    shown = _shown(source, alt, caption)
    return f"[{shown}]({named['link']})" if named.get("link") and named.get("src") else shown


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
        return f"\n\n{before}{number}\n\n" if number else ""

    return write


def _tweet(words: list[str], named: dict[str, str]) -> str:
    number, user = named.get("id") or next(iter(words), ""), named.get("user", "i")
    return f"<https://twitter.com/{user}/status/{number}>" if number else ""


def _gist(words: list[str], named: dict[str, str]) -> str:
    place = "/".join(words[:2])
    return f"<https://gist.github.com/{place}>" if place else ""


def _reference(words: list[str], named: dict[str, str]) -> str:
    return named.get("path") or next(iter(words), "")


def _post_link(words: list[str], named: dict[str, str]) -> str:
    return f"[{' '.join(words[1:]) or words[0]}]({words[0]}.md)" if words else ""


def _post_path(words: list[str], named: dict[str, str]) -> str:
    return f"{words[0]}.md" if words else ""


def _hexo_link(words: list[str], named: dict[str, str]) -> str:
    place = next((index for index, word in enumerate(words) if re.match(r"https?://|/", word)), None)
    return f"[{' '.join(words[:place]) or words[place]}]({words[place]})" if place is not None else ""


_WRITERS: dict[str, Writer] = {
    **dict.fromkeys(("figure", "img", "image"), _figure),
    "asset_img": _asset,
    "youtube": _film("https://www.youtube.com/watch?v="),
    "vimeo": _film("https://vimeo.com/"),
    **dict.fromkeys(("tweet", "twitter", "x"), _tweet),
    "gist": _gist,
    **dict.fromkeys(("ref", "relref"), _reference),
    "post_link": _post_link,
    **dict.fromkeys(("post_path", "post_url"), _post_path),
    "link": _hexo_link,
    **dict.fromkeys(("asset_path", "asset_link"), _reference),
}


# --- Obsidian ---


def _wiki(match: re.Match[str]) -> str:
    target, alias = match["target"].strip(), (match["alias"] or "").strip()
    if match["embed"] and PICTURE.search(target):
        alt = "" if re.fullmatch(r"\d+(?:x\d+)?", alias) else alias
        return f"![{alt}](<{target}>)"
    note, _sign, heading = target.partition("#")
    words = alias or (f"{note} › {heading}" if note and heading else note or heading)
    address = f"{note}.md" if note and not PICTURE.search(note) and "." not in note else note
    return f"[{words}](<{address}>)" if address else escape(words, quote=False)
