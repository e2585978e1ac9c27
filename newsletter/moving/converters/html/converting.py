"""HTML to Markdown that our renderer shows as the HTML was: what would differ is escaped more. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import unescape
from typing import NamedTuple
from urllib.parse import unquote

from newsletter.moving.converters.addresses import with_addresses
from newsletter.moving.converters.html import boxes
from newsletter.moving.converters.html.blocks import as_html, blocks_with_sources, write_blocks
from newsletter.moving.converters.html.footnotes import MARK, Footnote, extract_footnotes
from newsletter.moving.converters.html.inlines import Escaping, InlineContext
from newsletter.moving.converters.html.tree import Node, parse, serialised
from newsletter.moving.counting import Counts, count_html
from newsletter.moving.folder.layout import Remark
from newsletter.posts.markdown.render import render

_DATA = re.compile(r"(?<=[(\"<])data:(?=image/)")  # our pages show no such picture: it becomes one of the library


class Converted(NamedTuple):
    """Markdown, and what of its source is left out on purpose."""

    markdown: str
    remarks: list[Remark]


def convert_html(html: str) -> Converted:
    root = parse(html)
    names = dict(_names_of_headings(root))
    remarks = boxes.replace_boxes(root)
    text, lost = lead_anchors(_markdown(root, extract_footnotes(root)), names)
    return Converted(text, [*remarks, *lost])


@lru_cache(maxsize=16)
def count_rendered(markdown: str) -> Counts:
    """Counts of the rendered page. Cached: each way to write a block renders it again."""
    return count_html(render(_DATA.sub("https://data.invalid/", markdown)))


def _counts(nodes: list[Node | str], notes: list[Footnote]) -> Counts:
    html = "".join(map(serialised, [*nodes, *(note.content for note in notes)]))
    return count_html(re.sub(rf'<{MARK} number="(\d+)"></{MARK}>', r'<sup><a href="#fn-\1">\1</a></sup>', html))


def _markdown(root: Node, notes: list[Footnote]) -> str:
    light = _joined(write_blocks(root.children, InlineContext()), notes)
    if count_rendered(light) == _counts(root.children, notes):
        return light
    blocks = [_lightest_form(source, block) for source, block in blocks_with_sources(root.children, InlineContext())]
    return _joined(blocks, notes)


def _lightest_form(source: list[Node | str], block: str) -> str:
    """The lightest form of a block that our renderer shows as it was."""
    wanted = _counts(_without_marks(Node("", children=source)).children, [])
    for care in Escaping:
        tried = "\n\n".join(write_blocks(source, InlineContext(care=care, notes=False)))
        if count_rendered(tried) == wanted:
            return "\n\n".join(write_blocks(source, InlineContext(care=care)))
    html = as_html(source)
    return html if count_rendered(html) == wanted else block


def _without_marks(node: Node) -> Node:
    children = [child for child in node.children if isinstance(child, str) or child.name != MARK]
    return Node(node.name, node.attrs, [c if isinstance(c, str) else _without_marks(c) for c in children])


def _joined(blocks: list[str], notes: list[Footnote]) -> str:
    """Join blocks by blank lines, notes last. A comment keeps two lists in a row apart."""
    parts: list[str] = []
    for block in blocks:
        parts += ["<!-- -->"] if parts and _LIST.match(block) and _LIST.match(parts[-1]) else []
        parts.append(block)
    return "\n\n".join([*parts, *map(_note, notes)])


_LIST = re.compile(r"- |\d{1,9}\. ")


def _note(note: Footnote) -> str:
    text = "\n\n".join(write_blocks(note.content.children, InlineContext()))
    return f"[^{note.number}]: " + "\n".join(line and f"    {line}" for line in text.split("\n")).lstrip()


NOWHERE = "a link within the text leads nowhere here"
_ID = re.compile(r"\sid=\"(?P<id>[^\"]+)\"")
_HEADING = re.compile(r"<h[1-6] id=\"(?P<id>[^\"]+)\">(?P<words>.*?)</h[1-6]>", re.DOTALL)
_MARK = re.compile(r"<[^<>]{0,1000}>|\]\([^()\n]{0,1000}\)")
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_TOPS = {"top", "toc", "content", "page-top"}  # of the page itself, in every program


def heading_key(words: str) -> str:
    """A heading's words without the marks and spaces in which slug rules differ."""
    return "".join(sign for sign in unescape(_MARK.sub("", words)).casefold() if sign.isalnum())


def lead_anchors(markdown: str, given: Mapping[str, str]) -> tuple[str, list[Remark]]:
    """Rewrite links within the text. given: the words of headings that have a name of their own, by this name."""
    if not re.search(r"\]\(<?#|href=[\"']#|\]:[ \t]*<?#", markdown):
        return markdown, []
    html = render(markdown)
    ids, heading_ids, lost = set(_ID.findall(html)), _heading_ids(html), list[str]()

    def lead(address: str, _is_picture: bool) -> str:
        if not address.startswith("#") or address == "#":
            return ""
        name = unquote(address[1:])
        target = heading_ids.get(heading_key(given[name]), "") if name in given else ""
        target = target or (name if name in ids else heading_ids.get(heading_key(name), ""))
        if not target and name.lower() not in _TOPS:
            lost.append(f"#{name}")
        return f"#{target}" if target else ""

    text = with_addresses(markdown, lead)
    return text, [Remark(NOWHERE, ", ".join(dict.fromkeys(lost))[:200])] if lost else []


def _heading_ids(html: str) -> dict[str, str]:
    """The ids of the rendered headings by key; repeated keys are numbered."""
    ids: dict[str, str] = {}
    seen = Counter[str]()
    for heading in _HEADING.finditer(html):
        key = heading_key(heading["words"])
        ids.setdefault(f"{key}{seen[key] or ''}", heading["id"])
        seen[key] += 1
    return ids


def _names_of_headings(root: Node) -> Iterator[tuple[str, str]]:
    """Yield names and words of headings: their own names, those of what is in them, that of an anchor in front."""
    waiting: list[str] = []
    for node in root.walk():
        names = [node.attrs[name] for name in ("id", "name") if node.attrs.get(name)]
        if node.name in _HEADINGS:
            inner = (one.attrs.get(name, "") for one in node.walk() for name in ("id", "name"))
            yield from ((name, node.text) for name in [*waiting, *names, *inner] if name)
            waiting = []
        elif node.name == "a" and not node.text.strip():
            waiting += names
        elif node.name in {"p", "li", "pre", "table"} and node.text.strip():
            waiting = []
