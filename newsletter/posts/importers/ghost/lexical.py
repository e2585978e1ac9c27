"""Lexical, in which Ghost has kept posts since 5.0, as HTML. Pure."""

import json
from html import escape
from typing import Any

from newsletter.posts.importers.ghost.cards import card, unknown

type Lexical = dict[str, Any]

DEEPEST = 60
BOLD, ITALIC, STRUCK, UNDERLINED, CODE, SUBSCRIPT, SUPERSCRIPT, HIGHLIGHTED = (1 << bit for bit in range(8))
# In the order in which they stand around a text, the innermost first.
FORMATS = (
    (CODE, "code"),
    (BOLD, "strong"),
    (ITALIC, "em"),
    (STRUCK, "s"),
    (UNDERLINED, "u"),
    (HIGHLIGHTED, "mark"),
    (SUBSCRIPT, "sub"),
    (SUPERSCRIPT, "sup"),
)
TEXTS = {"text", "extended-text", "tk", "hashtag", "emoji", "code-highlight", "keyword"}
BLOCKS = {
    **dict.fromkeys(("paragraph", "extended-paragraph"), "p"),
    **dict.fromkeys(("quote", "extended-quote", "aside"), "blockquote"),
}
THROUGH = {"root", "autolink-wrapper", "mark", "overflow"}


class NoLexical(ValueError):
    """The text is no Lexical document."""


def pieces(text: str) -> list[tuple[str, str]]:
    """Return a document as runs of ("html" or "markdown", its text). Raises NoLexical."""
    try:
        root = json.loads(text)["root"]
        children = root["children"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoLexical(str(error)) from error
    found: list[tuple[str, str]] = []
    for child in children:
        is_markdown = child.get("type") == "markdown"
        found.append(("markdown", str(child.get("markdown") or "")) if is_markdown else ("html", _node(child, 0)))
    return found


def _node(node: Lexical, depth: int) -> str:
    kind = str(node.get("type") or "")
    if kind in TEXTS:
        return _text(node)
    if kind == "linebreak":
        return "<br>"
    if kind in {"tab", "zwnj", "at-link", "at-link-search"}:
        return "\t" if kind == "tab" else ""
    if "children" in node or kind in BLOCKS:
        return _element(kind, node, depth)
    found = card(kind, node)
    return unknown(kind, node) if found is None else found


def _element(kind: str, node: Lexical, depth: int) -> str:
    inner = _children(node, depth)
    if tag := _tag(kind, node):
        return f"<{tag}>{inner}</{tag.partition(' ')[0]}>"
    if kind == "listitem":
        return _item(node, inner)
    if kind in {"link", "autolink"}:
        title = f' title="{escape(str(node["title"]))}"' if node.get("title") else ""
        return f'<a href="{escape(str(node.get("url") or ""))}"{title}>{inner}</a>'
    if kind in THROUGH:
        return inner
    found = card(kind, node)
    return found if found is not None else inner + unknown(kind, _without_children(node))


def _tag(kind: str, node: Lexical) -> str:
    """Return the element of a node, with its attributes; "" for one that has none of its own."""
    if kind in {"heading", "extended-heading"}:
        return str(node["tag"]) if node.get("tag") in {f"h{level}" for level in range(1, 7)} else "h2"
    if kind == "list":
        start = node.get("start")
        given = f' start="{start}"' if isinstance(start, int) and start != 1 else ""
        return f"ol{given}" if node.get("listType") == "number" or node.get("tag") == "ol" else "ul"
    if kind == "tablecell":
        return "th" if node.get("headerState") else "td"
    return {**BLOCKS, "table": "table", "tablerow": "tr"}.get(kind, "")


def _item(node: Lexical, inner: str) -> str:
    """Return an item; one that holds nothing but a list is Lexical's way to indent that list (see html/blocks.py)."""
    children = node.get("children") or []
    if children and all(child.get("type") == "list" for child in children if isinstance(child, dict)):
        return inner
    box = {True: '<input type="checkbox" checked>', False: '<input type="checkbox">'}.get(node.get("checked"), "")  # type: ignore[arg-type]  # None is neither
    return f"<li>{box}{inner}</li>"


def _without_children(node: Lexical) -> Lexical:
    return {name: value for name, value in node.items() if name != "children"}


def _children(node: Lexical, depth: int) -> str:
    children = [child for child in node.get("children") or [] if isinstance(child, dict)]
    if depth >= DEEPEST:
        return ""
    return "".join(_node(child, depth + 1) for child in children)


def _text(node: Lexical) -> str:
    given = node.get("format")
    format_, words = given if isinstance(given, int) else 0, escape(str(node.get("text") or ""), quote=False)
    words = words.replace("\n", "<br>")
    for bit, tag in FORMATS:
        if format_ & bit and words:
            words = f"<{tag}>{words}</{tag}>"
    return words
