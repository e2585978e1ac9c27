"""Words and marks inside a paragraph, written as Markdown. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from html import escape
from urllib.parse import quote

from newsletter.moving.converters.html.footnotes import MARK
from newsletter.moving.converters.html.tree import BLOCK, Node, serialised

# Marks that Markdown has; the others that readers see are written as the tags that they are.
MARKS = {"strong": "**", "em": "*", "s": "~~", "mark": "=="}
TAGS = ("u", "ins", "sub", "sup", "kbd", "small", "q", "cite", "samp", "var", "dfn", "ruby", "rt", "rp", "bdo", "wbr")
_SPACE = re.compile(r"[ \t\n\r\f]+")
_SPECIAL = re.compile(
    r"([\\`*]|\[(?=\^|[^\[\]]*\] ?[(\[:])|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|~~|==|(?<![A-Za-z0-9])\$(?=\S))"
)
_BRACKETS = re.compile(r"(?<!\\)([\[\]])")
_PUNCTUATION = re.compile(r"([\\`*\[\]_~=|#>!\"$^:{}-])")
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_ENTITY = re.compile(r"&(?=#?\w{1,32};)")
_LINE_START = re.compile(r"^( {0,3})(#{1,6}(?=\s|$|#)|>|[-+](?=\s|$)|:(?=\s)|=+\s*$|-+\s*$|~{3,})", re.MULTILINE)
_NUMBER_START = re.compile(r"^( {0,3}\d{1,9})([.)])(?=\s|$)", re.MULTILINE)
_SAFE = "%/:?#[]@!$&'*+,;=~-._()"
_TOC = re.compile(r"^\[toc\]\s*$", re.IGNORECASE | re.MULTILINE)  # the renderer's own mark
_BREAK = re.compile(r"[ \t]*(\\\n|<br>)[ \t]*")
_OUTER_BREAKS = re.compile(r"^(?:\\\n|<br>|\s)+|(?:\\\n|<br>|\s)+$")


class Escaping(IntEnum):
    """How much is escaped to keep words from being read as marks."""

    LIGHT = 0  # what an author would write
    STRICT = 1  # a backslash before every sign, and tags for marks


@dataclass(frozen=True)
class InlineContext:
    """The surroundings of a text. notes: write footnotes; one_line: no line break inside."""

    care: Escaping = Escaping.LIGHT
    notes: bool = True
    one_line: bool = False
    in_table: bool = False
    in_link: bool = False


def inline(children: list[Node | str], context: InlineContext) -> str:
    """The words and marks of `children`, as one paragraph, without its outer spaces."""
    text = _BREAK.sub(r"\1", "".join(_written(child, context) for child in children))
    text = _OUTER_BREAKS.sub("", text).strip(" \t\n\r\f")
    text = _TOC.sub(r"\\\g<0>", _LINE_START.sub(r"\1\\\2", text))
    return _NUMBER_START.sub(r"\1\\\2", text)


def _written(child: Node | str, context: InlineContext) -> str:
    if isinstance(child, str):
        return escaped(_SPACE.sub(" ", child), context)
    return _WRITERS.get(child.name, _unknown)(child, context)


def escaped(text: str, context: InlineContext) -> str:
    text = _ENTITY.sub("&amp;", text)
    text = _TAG.sub(r"\\<", text)
    if context.care is Escaping.STRICT:
        return _PUNCTUATION.sub(r"\\\1", text.replace("\\<", "\0")).replace("\0", "\\<")
    text = _SPECIAL.sub(r"\\\1", text.replace("\\<", "\0")).replace("\0", "\\<")
    text = _BRACKETS.sub(r"\\\1", text) if context.in_link else text
    return text.replace("|", "\\|") if context.in_table else text


def _inner(node: Node, context: InlineContext) -> str:
    return "".join(_written(child, context) for child in node.children)


def _split_edges(text: str) -> tuple[str, str, str]:
    """The spaces before, the words, and the spaces after."""
    words = text.strip()
    before, _words, after = text.partition(words) if words else (text, "", "")
    return before, words, after


def _mark(node: Node, context: InlineContext) -> str:
    before, words, after = _split_edges(_inner(node, context))
    if not words or words == "\\":
        return before + words + after
    sign = MARKS[node.name]
    if context.care is Escaping.STRICT or "\n" in words or words.endswith("\\"):
        return f"{before}<{node.name}>{words}</{node.name}>{after}"
    return f"{before}{sign}{words}{sign}{after}"


def _tag(node: Node, context: InlineContext) -> str:
    inner = _inner(node, context)
    return f"<{node.name}>{inner}</{node.name}>" if inner.strip() or node.name == "wbr" else inner


def _abbr(node: Node, context: InlineContext) -> str:
    title, inner = node.attrs.get("title", ""), _inner(node, context)
    return f'<abbr title="{escape(title)}">{inner}</abbr>' if title and inner.strip() else inner


def _code(node: Node, context: InlineContext) -> str:
    words = _SPACE.sub(" ", "".join(map(raw_text, node.children))).strip()
    if not words:
        return ""
    words = words.replace("|", "\\|") if context.in_table else words
    fence = "`" * (max((len(run) for run in re.findall("`+", words)), default=0) + 1)
    gap = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{gap}{words}{gap}{fence}"


def raw_text(child: Node | str) -> str:
    """Code as written: line breaks kept, comments left out."""
    if isinstance(child, str):
        return child
    return "\n" if child.name == "br" else "" if child.name == "!" else "".join(map(raw_text, child.children))


def _link(node: Node, context: InlineContext) -> str:
    href, inner = node.attrs.get("href", "").strip(), _inner(node, replace(context, in_link=True))
    before, words, after = _split_edges(inner)
    if not words or not href or context.in_link:
        return inner
    if node.text.strip() == href and re.match(r"https?://[!-~]+\Z", href) and not re.search(r"[()*_~<>]", href):
        return f"{before}<{href}>{after}" if context.care else f"{before}{href}{after}"
    return f"{before}[{words.replace('\\\n', '<br>')}]({address(href)}{_title(node.attrs.get('title', ''))}){after}"


def _title(words: str) -> str:
    title = _SPACE.sub(" ", words).strip()
    return ' "' + title.replace("\\", "").replace('"', "&quot;") + '"' if title else ""


def address(href: str) -> str:
    """An address as it is written into a link: in angle brackets where its signs would end the link."""
    href = _SPACE.sub("%20", href.strip())
    if href.count("(") != href.count(")") or "<" in href or ">" in href or '"' in href:
        return f"<{quote(href, safe=_SAFE) if '<' in href or '>' in href else href}>"
    return href


def picture(node: Node, *, caption: str = "") -> str:
    """`![words](address "caption")`; "" if it has no address."""
    source = node.attrs.get("src", "").strip()
    if not source:
        return ""
    alt = re.sub(r"([\\\[\]`*_<])", r"\\\1", _SPACE.sub(" ", node.attrs.get("alt", "")).strip())
    return f"![{alt}]({address(source)}{_title(caption)})"


def _unknown(node: Node, context: InlineContext) -> str:
    """Write what only groups words as these words; what readers would not see is left out (notes say so)."""
    if node.name in {"!", "script", "style", "noscript", "template"}:
        return ""
    inner = _inner(node, context)
    return f" {inner} " if node.name in BLOCK else inner


def _checkbox(node: Node, context: InlineContext) -> str:
    if node.attrs.get("type") != "checkbox":
        return ""
    return "☑ " if "checked" in node.attrs else "☐ "


_WRITERS: dict[str, Callable[[Node, InlineContext], str]] = {
    **dict.fromkeys(MARKS, _mark),
    **dict.fromkeys(TAGS, _tag),
    "br": lambda _node, context: "<br>" if context.one_line or context.in_table else "\\\n",
    **dict.fromkeys(("code", "tt"), _code),
    "a": _link,
    "img": lambda node, _context: picture(node),
    **dict.fromkeys(("abbr", "acronym"), _abbr),
    "input": _checkbox,
    "iframe": lambda node, _context: (
        serialised(Node("iframe", {"src": node.attrs["src"]})) if node.attrs.get("src") else ""
    ),
    MARK: lambda node, context: f"[^{node.attrs['number']}]" if context.notes else "",
}
