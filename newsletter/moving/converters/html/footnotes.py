"""Footnotes, found by what all programs have in common: a link to a note and one back. Changes the tree; no I/O."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from newsletter.moving.converters.html.tree import Node

MARK = "footnote"  # the name of the node that stands where a note's number stood
_NOTE_CLASSES = frozenset({"footnotes", "footnotes-list", "footnotes-sep", "wp-block-footnotes", "footnote", "fn"})
_NEVER_NOTES = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "table", "figure", "nav", "section", "article"})
_NUMBER = re.compile(r"\[?(?:\d{1,3}|[*†‡]|註\d{0,3})\]?")  # what a link to a note says
_BACKLINK_SIGNS = "↩↑⏎^⤴︎\ufe0e\ufe0f↵ \xa0"


@dataclass(frozen=True)
class Footnote:
    number: int
    content: Node


def extract_footnotes(root: Node) -> list[Footnote]:
    """Take the notes out of the tree, and leave nodes named MARK where readers saw their numbers."""
    parents = {id(child): node for node in [root, *root.walk()] for child in node.children if isinstance(child, Node)}
    named = {name: node for node in root.walk() for name in _names(node)}
    found: dict[int, Footnote] = {}
    marks: list[tuple[Node, int]] = []
    for link in root.all("a"):
        target, contents = _target(link, named), [note.content for note in found.values()]
        if target is None or any(_is_within(link, part, parents) for part in (target, *contents)):
            continue
        content = _note_around(target, link, parents)
        if content is None or _is_within(link, content, parents):
            continue
        note = found.setdefault(id(content), Footnote(len(found) + 1, content))
        marks.append((link, note.number))
    for link, number in marks:
        _put_mark(link, number, parents)
    for note in found.values():
        parent = parents[id(note.content)]
        parent.children = [child for child in parent.children if child is not note.content]
        _drop(_is_backlink, note.content)
    if found:
        _drop(_is_empty_list, root)
    return list(found.values())


def _drop(is_dropped: Callable[[Node | str], bool], tree: Node) -> None:
    for node in [tree, *tree.walk()]:
        node.children = [child for child in node.children if not is_dropped(child)]


def _names(node: Node) -> Iterator[str]:
    yield from (node.attrs[key] for key in ("id", "name") if node.attrs.get(key))


def _target(link: Node, named: dict[str, Node]) -> Node | None:
    href = link.attrs.get("href", "")
    return named.get(unquote(href[1:])) or named.get(href[1:]) if href.startswith("#") and len(href) > 1 else None


def _is_within(node: Node, other: Node, parents: dict[int, Node]) -> bool:
    return node is other or (id(node) in parents and _is_within(parents[id(node)], other, parents))


def _note_around(target: Node, link: Node, parents: dict[int, Node]) -> Node | None:
    """The note: `target` or one of its next three ancestors, if a link in it leads back to `link`; else None."""
    back = {name for node in _nearby(link, parents) for name in _names(node)}
    here: Node | None = target
    for _step in range(4):
        if here is None or not here.name or here.name in _NEVER_NOTES:
            return None
        ways = [a for a in [here, *here.walk()] if a.name == "a" and unquote(a.attrs.get("href", "#"))[1:] in back]
        if ways and (here.name in {"li", "div", "p", "dd", "aside"} and here.text.strip()):
            return here
        here = parents.get(id(here))
    return None


def _nearby(link: Node, parents: dict[int, Node]) -> Iterator[Node]:
    yield link
    yield from link.walk()
    parent = parents.get(id(link))
    if parent and parent.name in {"sup", "span", "strong"}:
        yield parent
        yield from (child for child in parent.children if isinstance(child, Node))
    if parent and parent.name == "p" and _NUMBER.fullmatch(link.text.strip()):
        yield parent  # Medium's notes lead back to the paragraph


def _put_mark(link: Node, number: int, parents: dict[int, Node]) -> None:
    parent = parents[id(link)]
    outer = parent.name == "sup" and parent.text.strip() == link.text.strip()
    replaced, holder = (parent, parents.get(id(parent))) if outer else (link, parent)
    if holder is None:
        return
    mark = Node(MARK, {"number": str(number)})
    holder.children = [mark if child is replaced else child for child in holder.children]


def _is_backlink(child: Node | str) -> bool:
    """An arrow or a number that leads back."""
    if isinstance(child, str) or child.name not in {"a", "sup"}:
        return False
    link = child if child.name == "a" else child.first("a")
    words = child.text.strip(_BACKLINK_SIGNS + "[].()")
    return bool(link and link.attrs.get("href", "").startswith("#") and (not words or words.isdigit()))


def _is_empty_list(child: Node | str) -> bool:
    """A list or a rule that held notes."""
    if isinstance(child, str) or child.name not in {"ol", "ul", "section", "div", "hr", "footer"}:
        return False
    is_rule = child.name == "hr" and bool(child.classes & _NOTE_CLASSES)
    is_list = child.name in {"ol", "ul"} or bool(child.classes & _NOTE_CLASSES)
    empty = not child.text.strip() and not child.first("img", "iframe", "video", "audio", "pre", MARK)
    return is_rule or (is_list and child.name != "hr" and empty)
