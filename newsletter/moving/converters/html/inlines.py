"""Words and marks inside a paragraph, written as Markdown. Pure."""

import re
from dataclasses import dataclass
from enum import IntEnum
from html import escape
from urllib.parse import quote

from newsletter.moving.converters.html.footnotes import MARK
from newsletter.moving.converters.html.tree import BLOCK, Node, serialised

# Marks that Markdown has; the others that readers see are written as the tags that they are.
MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "strike": "~~", "mark": "=="}
TAGS = frozenset(
    {"u", "ins", "sub", "sup", "kbd", "small", "q", "cite", "samp", "var", "dfn", "ruby", "rt", "rp", "bdo", "wbr"}
)
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
_EDGES = re.compile(r"\A(\s*)(.*?)(\s*)\Z", re.DOTALL)


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

    def inside(self, **changes: bool) -> "InlineContext":
        return InlineContext(**{**self.__dict__, **changes})


def inline(children: list[Node | str], context: InlineContext) -> str:
    """The words and marks of `children`, as one paragraph, without its outer spaces."""
    text = "".join(_written(child, context) for child in children)
    text = _BREAK.sub(r"\1", text)
    text = _OUTER_BREAKS.sub("", text).strip(" \t\n\r\f")
    text = _TOC.sub(r"\\\g<0>", _LINE_START.sub(_escaped_at_start, text))
    return _NUMBER_START.sub(r"\1\\\2", text)


def _escaped_at_start(match: re.Match[str]) -> str:
    return f"{match[1]}\\{match[2]}"


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


def _mark(node: Node, context: InlineContext) -> str:
    found = _EDGES.match(_inner(node, context))
    before, words, after = found.groups() if found else ("", "", "")
    if not words or words == "\\":
        return before + words + after
    sign = MARKS[node.name]
    if context.care is Escaping.STRICT or "\n" in words or words.endswith("\\"):
        name = {"b": "strong", "i": "em", "strike": "s"}.get(node.name, node.name)
        return f"{before}<{name}>{words}</{name}>{after}"
    return f"{before}{sign}{words}{sign}{after}"


def _tag(node: Node, context: InlineContext) -> str:
    inner = _inner(node, context)
    return f"<{node.name}>{inner}</{node.name}>" if inner.strip() or node.name == "wbr" else inner


def _abbr(node: Node, context: InlineContext) -> str:
    title = node.attrs.get("title", "")
    inner = _inner(node, context)
    return f'<abbr title="{escape(title)}">{inner}</abbr>' if title and inner.strip() else inner


def _break(node: Node, context: InlineContext) -> str:
    return "<br>" if context.one_line or context.in_table else "\\\n"


def _code(node: Node, context: InlineContext) -> str:
    words = _SPACE.sub(" ", "".join(map(raw_text, node.children))).strip()
    if not words:
        return ""
    if context.in_table and "|" in words:
        words = words.replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", words)), default=0) + 1)
    gap = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{gap}{words}{gap}{fence}"


def raw_text(child: Node | str) -> str:
    """Code as written: line breaks kept, comments left out."""
    if isinstance(child, str):
        return child
    return "\n" if child.name == "br" else "" if child.name == "!" else "".join(map(raw_text, child.children))


def _link(node: Node, context: InlineContext) -> str:
    href, inner = node.attrs.get("href", "").strip(), _inner(node, context.inside(in_link=True))
    found = _EDGES.match(inner)
    before, words, after = found.groups() if found else ("", inner, "")
    if not words or not href or context.in_link:
        return inner
    if node.text.strip() == href and re.match(r"https?://[!-~]+\Z", href) and not re.search(r"[()*_~<>]", href):
        return f"{before}<{href}>{after}" if context.care else f"{before}{href}{after}"
    return f"{before}[{words.replace('\\\n', '<br>')}]({address(href)}{_title(node)}){after}"


def _title(node: Node) -> str:
    title = _SPACE.sub(" ", node.attrs.get("title", "")).strip()
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
    alt = _SPACE.sub(" ", node.attrs.get("alt", "")).strip()
    alt = re.sub(r"([\\\[\]`*_<])", r"\\\1", alt)
    title = Node("a", {"title": caption})
    return f"![{alt}]({address(source)}{_title(title)})"


def _picture(node: Node, context: InlineContext) -> str:
    return picture(node)


def _footnote(node: Node, context: InlineContext) -> str:
    return f"[^{node.attrs['number']}]" if context.notes else ""


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


def _frame(node: Node, context: InlineContext) -> str:
    return serialised(Node("iframe", {"src": node.attrs.get("src", "")})) if node.attrs.get("src") else ""


_WRITERS = {
    **dict.fromkeys(MARKS, _mark),
    **dict.fromkeys(TAGS, _tag),
    "br": _break,
    "code": _code,
    "tt": _code,
    "a": _link,
    "img": _picture,
    "abbr": _abbr,
    "acronym": _abbr,
    "input": _checkbox,
    "iframe": _frame,
    MARK: _footnote,
}
