"""HTML to Markdown that our renderer shows as the HTML was: what differs is written with more care. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape

from django.utils.translation import get_language

from newsletter.posts.importers.html import cards
from newsletter.posts.importers.html.as_html import as_html
from newsletter.posts.importers.html.blocks import pairs, written
from newsletter.posts.importers.html.counts import Counts, counts
from newsletter.posts.importers.html.footnotes import Note, taken_out
from newsletter.posts.importers.html.inlines import Care, Place
from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.html.tree import Node, parse
from newsletter.posts.markdown.render import render

_DATA = re.compile(r"(?<=[(\"<])data:(?=image/)")  # our pages show no such picture: it becomes one of the library
type Drops = Callable[[Node, list[Remark]], None]


@dataclass(frozen=True)
class Converted:
    """Markdown, what its source had, what is left out on purpose, the source as HTML, and that if it was HTML."""

    markdown: str
    before: Counts = field(default_factory=Counts)
    remarks: tuple[Remark, ...] = ()
    page: str = ""
    raw: str = ""


def converted(html: str, change: Drops | None = None) -> Converted:
    """Return `html` as Markdown.

    change: what a program's own boxes need, beyond those of cards.py; it works on the tree.
    """
    root = parse(html)
    before, remarks = measured(parse(html)), list[Remark]()
    if change:
        change(root, remarks)
    remarks += cards.plain(root)
    notes = taken_out(root)
    return Converted(_markdown(root, notes), before, tuple(remarks), html, html)


def as_typed(markdown: str) -> str:
    """Return Markdown as a page that shows it as it was typed."""
    return f"<pre>{escape(markdown, quote=False)}</pre>"


def measured(root: Node) -> Counts:
    """Return what a tree has, notes and all. It takes the tree apart."""
    return _sum(root, taken_out(root))


def shown(markdown: str) -> Counts:
    """Return what our renderer makes of Markdown, counted. The same text is asked for again and again."""
    return _shown(markdown, get_language())


@lru_cache(maxsize=16)
def _shown(markdown: str, _language: str | None) -> Counts:
    return measured(parse(render(_DATA.sub("https://data.invalid/", markdown))))


def _sum(root: Node, notes: list[Note]) -> Counts:
    total = counts(root)
    for note in notes:
        total += counts(note.content)
    return total


def _markdown(root: Node, notes: list[Note]) -> str:
    light = _joined(written(root.children, Place()), notes, Place())
    if not shown(light) - _sum(root, notes):
        return light
    blocks = [_careful(source, block) for source, block in pairs(root.children, Place())]
    return _joined(blocks, notes, Place())


def _careful(source: list[Node | str], block: str) -> str:
    """Return the first way to write a block that is shown as it was."""
    wanted = counts(_without_marks(Node("", children=source)))
    for care in Care:
        tried = "\n\n".join(written(source, Place(care=care, notes=False)))
        if not shown(tried) - wanted:
            return "\n\n".join(written(source, Place(care=care)))
    html = as_html(source)
    return html if not shown(html) - wanted else block


def _without_marks(node: Node) -> Node:
    children = [child for child in node.children if isinstance(child, str) or child.name != "footnote"]
    return Node(node.name, node.attrs, [c if isinstance(c, str) else _without_marks(c) for c in children])


def _joined(blocks: list[str], notes: list[Note], place: Place) -> str:
    """Return blocks with a blank line between them, and the notes below; two lists in a row stay two."""
    parts: list[str] = []
    for block in blocks:
        if parts and _is_list(block) and _is_list(parts[-1]):
            parts.append("<!-- -->")
        parts.append(block)
    return "\n\n".join([*parts, *(_note(note, place) for note in notes)])


def _is_list(block: str) -> bool:
    return block.startswith(("- ", "1. ")) or (block[:1].isdigit() and ". " in block[:12])


def _note(note: Note, place: Place) -> str:
    text = "\n\n".join(written(note.content.children, place))
    return f"[^{note.number}]: " + "\n".join(line and f"    {line}" for line in text.split("\n")).lstrip()
