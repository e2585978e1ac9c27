"""How a part of a page is left out: kept in the text as a comment, and named. Pure."""

import re

from newsletter.posts.importers.html.counts import Counts, counts
from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.html.tree import Node, serialised

KEPT_MAX = 2_000  # characters of what is kept as a comment
type Nodes = list[Node | str]


def left_out(node: Node, what: str, remarks: list[Remark], *, kept: str = "") -> Nodes:
    """Leave a node out of what readers see, keep it in the text as a comment, and say so."""
    typed = (kept or serialised(node)).strip()
    remarks.append(Remark(what, short(typed), Counts() - counts(Node("", children=[node]))))
    return [comment(typed)] if typed else []


def comment(typed: str) -> Node:
    safe = re.sub(r"\n\s*\n+", "\n", typed[:KEPT_MAX]).replace("--", "- -").replace("<", "‹").replace(">", "›")
    return Node("!", children=[f" {safe} "])


def short(typed: str) -> str:
    words = " ".join(typed.split())
    return words[:80] + ("…" if len(words) > 80 else "")


def paragraph(*children: Node | str) -> Node:
    return Node("p", children=list(children))


def link_to(href: str, words: str) -> Node:
    return Node("a", {"href": href}, [words])
