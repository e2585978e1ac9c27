"""HTML as a tree: read by html5ever (nh3), as browsers read it, then walked by Python. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

import nh3

from newsletter.mail.characters import without_control_characters
from newsletter.moving.converters.files import Rejected

TAGS_MAX = 20_000  # of a text: a parser repairs nested ones in quadratic time
DEPTH_MAX = 60  # nested elements; deeper ones are dropped, their text is kept
# Elements that html5ever writes without an end tag, those of old HTML too (HTML, section 13.3).
VOID = {
    *("area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen", "link"),
    *("meta", "param", "source", "track", "wbr"),
}
# Elements whose text is serialised without escaping (HTML, section 13.3).
RAW = {"script", "style", "noscript", "iframe"}
BLOCK = {
    *("address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog", "div", "dl", "dt"),
    *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup"),
    *("hr", "li", "main", "menu", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot"),
    *("th", "thead", "tr", "ul", "video", "audio", "iframe", "object", "noscript", "html"),
}
_TAG_NAME = re.compile(r"<([a-zA-Z][a-zA-Z0-9-]{0,40})")
_SCHEME = re.compile(r"[\"'=\s]([a-zA-Z][a-zA-Z0-9+.-]{1,20}):")
_ATTRIBUTES = {
    *("href", "src", "alt", "title", "class", "id", "width", "height", "start", "type", "checked", "disabled", "open"),
    *("datetime", "cite", "colspan", "rowspan", "align", "style", "name", "lang", "dir", "srcset", "poster", "value"),
    *("reversed", "role", "language", "encoding", "datafile", "action", "content", "property", "rel", "data", "scope"),
}
_PRE_WITH_LANG = re.compile(
    r"(?P<begin><pre\b[^<>]*?\slang=[\"']?(?P<language>[^\s\"'<>]{1,20})[^<>]*>)(?P<code>.*?)(?=</pre)",
    re.DOTALL | re.IGNORECASE,
)
# Natural languages that `lang` may name on a <pre>.
NATURAL_LANGUAGES = {"en", "zh", "ja", "ko", "fr", "de", "es", "zh-tw", "zh-hant", "zh-hans", "zh-cn", "en-us"}


@dataclass
class Node:
    """An element, a comment (name `!`, its words as the only child), or the document root (name "")."""

    name: str
    attrs: dict[str, str] = field(default_factory=dict)
    children: list["Node | str"] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        return set(self.attrs.get("class", "").split())

    def walk(self) -> Iterator["Node"]:
        """Yield the elements within, each before those inside it."""
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child.walk()

    def all(self, *names: str) -> list["Node"]:
        return [node for node in self.walk() if node.name in names]

    def first(self, *names: str) -> "Node | None":
        return next((node for node in self.walk() if node.name in names), None)

    def first_with_class(self, *names: str) -> "Node | None":
        return next((node for node in self.walk() if node.classes & set(names)), None)

    @property
    def text(self) -> str:
        """Its words, with nothing of comments, scripts and styles."""
        if self.name == "!" or self.name in RAW:
            return ""
        return "".join(
            child if isinstance(child, str) else (" " if child.name == "br" else child.text) for child in self.children
        )

    @property
    def single_line_text(self) -> str:
        return " ".join(self.text.split())


def parse(html: str) -> Node:
    """Parse into a tree, repaired as browsers do; formatting and links around blocks move into each block.

    Raises Rejected.
    """
    if html.count("<") > TAGS_MAX:
        raise Rejected("it has too many tags")
    html = with_code_escaped(without_control_characters(html))
    names = {name.lower() for name in _TAG_NAME.findall(html)} - {"plaintext"}  # which swallows all that follows
    names |= {"img"} if "image" in names else set()  # what a browser makes of it
    schemes = {scheme.lower() for scheme in _SCHEME.findall(html)} - {"javascript", "vbscript"}
    whole = nh3.clean(
        html,
        tags=names | {"tbody", "colgroup", "p", "br"},
        clean_content_tags=set(),
        attributes={"*": _ATTRIBUTES},
        generic_attribute_prefixes={"data-"},
        strip_comments=False,
        link_rel=None,
        url_schemes=schemes | {"http", "https", "mailto"},
    )
    builder = _TreeBuilder()
    builder.feed(whole)
    builder.close()
    return _tidied(builder.root)


def with_code_escaped(html: str) -> str:
    """HTML with the code in `<pre lang="php">` escaped, which plug-ins like wp-syntax did only on the page."""
    end = html.lower().rfind("</pre")
    return _PRE_WITH_LANG.sub(_escaped, html[: end + 5]) + html[end + 5 :] if end >= 0 else html


def _escaped(found: re.Match[str]) -> str:
    code, language = found["code"], found["language"].lower()
    if "<" not in code or language in NATURAL_LANGUAGES or code.lstrip().startswith(("<code", "<span")):
        return found[0]
    is_escaped = "&lt;" in code or "escaped=" in found["begin"]
    return found["begin"] + (code if is_escaped else code.replace("&", "&amp;")).replace("<", "&lt;")


def serialised(node: Node | str) -> str:
    """Serialise a node to HTML without a blank line, which would end a block of HTML in Markdown."""
    return re.sub(r"\n(?:[ \t]*\n)+", "\n", _serialised(node))


def _serialised(node: Node | str) -> str:
    if isinstance(node, str):
        return escape(node, quote=False)
    if node.name == "!":
        return f"<!--{''.join(str(child) for child in node.children)}-->"
    inner = "".join(
        child if node.name in RAW and isinstance(child, str) else _serialised(child) for child in node.children
    )
    if not node.name:
        return inner
    attrs = "".join(f' {name}="{escape(value)}"' for name, value in node.attrs.items())
    return f"<{node.name}{attrs}>" if node.name in VOID else f"<{node.name}{attrs}>{inner}</{node.name}>"


class _TreeBuilder(HTMLParser):
    """Builds Nodes from nh3's output; expects balanced tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("")
        self.path = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"img", "iframe"} and given.get("data-src") and (given.get("src") or "data:").startswith("data:"):
            given["src"] = given["data-src"]  # shown when somebody scrolls to it
        node = Node(self._mark(tag, given.get("style", "")), given)
        if len(self.path) < DEPTH_MAX:
            self.path[-1].children.append(node)
        if tag not in VOID:
            self.path.append(node if len(self.path) < DEPTH_MAX else self.path[-1])

    def _mark(self, tag: str, style: str) -> str:
        """The tag that a style stands for: word processors write bold as a style, `<b>` for text that is not."""
        if tag == "b" and _NORMAL_WEIGHT.search(style):
            return "span"
        mark = next((name for name, look in _MARK_BY_STYLE if tag == "span" and look.search(style)), tag)
        is_link = mark == "u" and any(node.name == "a" for node in self.path)  # links are underlined
        return tag if is_link else _SYNONYMS.get(mark, mark)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and len(self.path) > 1:
            self.path.pop()

    def handle_data(self, data: str) -> None:
        self.path[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        self.path[-1].children.append(Node("!", children=[data]))


_NORMAL_WEIGHT = re.compile(r"font-weight:\s*(?:normal|400)")
_MARK_BY_STYLE = (
    ("strong", re.compile(r"font-weight:\s*(?:bold|[6-9]00)")),
    ("u", re.compile(r"text-decoration(?:-line)?:\s*underline")),
    ("s", re.compile(r"text-decoration(?:-line)?:\s*line-through")),
    ("em", re.compile(r"font-style:\s*italic")),
)
# Blocks that get no inline formatting.
_NEVER_MARKED = {"figure", "table", "pre", "ul", "ol", "dl", "details", "hr", "video", "audio", "iframe", "object"}
_MARKS = {"strong", "em", "s", "mark", "u", "code"}
_SYNONYMS = {"b": "strong", "i": "em", "strike": "s", "del": "s"}  # marks of two names


def _with_marks_inside_blocks(children: list[Node | str]) -> Iterator[Node | str]:
    for child in children:
        if isinstance(child, Node) and child.name in _MARKS | {"a", "span", "font"} and _holds_blocks(child):
            yield from _with_marks_inside_blocks(_pushed_down(child))
        else:
            yield child


def _holds_blocks(node: Node) -> bool:
    inner = (child for child in node.children if isinstance(child, Node))
    return any(child.name in BLOCK - {"iframe"} or _holds_blocks(child) for child in inner)


def _pushed_down(node: Node) -> list[Node | str]:
    """The children of a mark around blocks, each block with words wrapped in the mark instead."""
    children: list[Node | str] = []
    for child in node.children:
        if isinstance(child, str):
            children.append(Node(node.name, node.attrs, [child]) if child.strip() else child)
        elif child.name in _NEVER_MARKED or child.name == "!":
            children.append(child)
        elif child.name in BLOCK:
            children.append(Node(child.name, child.attrs, [Node(node.name, node.attrs, child.children)]))
        elif _holds_blocks(child):  # a mark in a mark: the outer one goes in first
            children.append(Node(child.name, child.attrs, _pushed_down(Node(node.name, node.attrs, child.children))))
        else:
            children.append(Node(node.name, node.attrs, [child]))
    return children


def _without_double_mark(child: Node | str) -> Node | str:
    """Unwrap a mark that holds only the same mark, as `<b><strong>`."""
    inner = child.children[0] if isinstance(child, Node) and len(child.children) == 1 else None
    if not isinstance(child, Node) or not isinstance(inner, Node) or child.name not in _MARKS:
        return child
    return _without_double_mark(inner) if inner.name == child.name else child


def _tidied(node: Node) -> Node:
    """Move marks into blocks, then join adjacent texts and adjacent equal marks: `<b>a</b><b>b</b>` is one bold run."""
    children: list[Node | str] = []
    for child in map(_without_double_mark, _with_marks_inside_blocks(node.children)):
        last = children[-1] if children else None
        if isinstance(child, str) and isinstance(last, str):
            children[-1] = last + child
        elif isinstance(child, Node) and isinstance(last, Node) and _are_joinable(last, child):
            last.children.extend(child.children)
        else:
            children.append(child)
    node.children = children
    for child in children:
        if isinstance(child, Node):
            _tidied(child)
    return node


def _are_joinable(left: Node, right: Node) -> bool:
    return left.name in _MARKS and (left.name, left.attrs) == (right.name, right.attrs)
