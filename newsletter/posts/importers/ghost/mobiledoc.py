"""Mobiledoc, in which Ghost kept posts from 1.0 to 5, as HTML. Pure."""

import json
from html import escape
from typing import Any

from newsletter.posts.importers.ghost.cards import card, image_tag, unknown

MARKUP, IMAGE, LIST, CARD = 1, 2, 3, 10  # kinds of sections
TEXT, ATOM = 0, 1  # kinds of markers
MARKDOWN = {"markdown", "card-markdown"}
TAGS = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "aside", "pull-quote", "ul", "ol", "li"),
    *("a", "b", "strong", "i", "em", "s", "strike", "del", "u", "code", "sub", "sup", "mark", "small", "q"),
}


class NoMobiledoc(ValueError):
    """The text is no Mobiledoc document."""


def pieces(text: str) -> list[tuple[str, str]]:
    """Return a document as runs of ("html" or "markdown", its text). Raises NoMobiledoc."""
    try:
        document = json.loads(text)
        return [_section(section, document) for section in document["sections"]]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise NoMobiledoc(str(error)) from error


def _section(section: list[Any], document: dict[str, Any]) -> tuple[str, str]:
    kind = section[0]
    if kind == CARD:
        name, payload = document["cards"][section[1]][:2]
        if name in MARKDOWN:
            return "markdown", str(payload.get("markdown") or "")
        found = card(name, payload or {})
        return "html", unknown(name, payload) if found is None else found
    if kind == MARKUP:
        tag = _tag(section[1])
        return "html", f"<{tag}>{_markers(section[2], document)}</{tag}>"
    if kind == LIST:
        tag = _tag(section[1])
        items = "".join(f"<li>{_markers(markers, document)}</li>" for markers in section[2])
        return "html", f"<{tag}>{items}</{tag}>"
    if kind == IMAGE:
        return "html", image_tag({"src": section[1]})
    return "html", unknown(f"section {kind}", section)


def _tag(name: str) -> str:
    name = str(name).lower()
    return {"pull-quote": "blockquote", "aside": "blockquote"}.get(name, name) if name in TAGS else "p"


def _markers(markers: list[Any], document: dict[str, Any]) -> str:
    """Return the words with their marks: each marker says which open before it, and how many end after it."""
    found: list[str] = []
    opened: list[str] = []
    for kind, opens, closed, value in markers:
        for index in opens:
            tag, attributes = _markup(document["markups"][index])
            opened.append(tag)
            found.append(f"<{tag}{attributes}>")
        found.append(escape(str(value), quote=False) if kind == TEXT else _atom(document["atoms"][value]))
        found += [f"</{opened.pop()}>" for _one in range(min(int(closed), len(opened)))]
    return "".join([*found, *(f"</{tag}>" for tag in reversed(opened))])


def _markup(markup: list[Any]) -> tuple[str, str]:
    tag = _tag(markup[0])
    pairs = markup[1] if len(markup) > 1 else []
    named = dict(zip(pairs[::2], pairs[1::2], strict=False))
    return (tag if tag != "p" else "span"), "".join(
        f' {name}="{escape(str(named[name]))}"' for name in ("href", "title") if named.get(name)
    )


def _atom(atom: list[Any]) -> str:
    name, text = atom[0], str(atom[1]) if len(atom) > 1 else ""
    return "<br>" if name in {"soft-return", "soft-break"} else escape(text, quote=False)
