"""A part of a tree as HTML with what our sanitiser keeps: the last way to write a block. Pure."""

from newsletter.posts.importers.html.footnotes import MARK
from newsletter.posts.importers.html.tree import BLOCK, Node, serialised

_CLEAN = frozenset(
    {"href", "src", "alt", "title", "start", "colspan", "rowspan", "reversed", "datetime", "open", "dir"}
)


def as_html(nodes: list[Node | str]) -> str:
    """Return the nodes as HTML with what our sanitiser keeps; the last way to write a block."""
    whole = Node("div", children=[_clean(node) for node in nodes])
    single = whole.children[0] if len(whole.children) == 1 else whole
    return serialised(single if isinstance(single, Node) and single.name in BLOCK else whole).strip()


def _clean(node: Node | str) -> Node | str:
    if isinstance(node, str) or node.name == "!":
        return node
    attrs = {name: value for name, value in node.attrs.items() if name in _CLEAN}
    if node.name == MARK:
        return Node("sup", children=[node.attrs["number"]])
    name = {"callout": "blockquote", "b": "strong", "i": "em"}.get(node.name, node.name)
    return Node(name, attrs, [_clean(child) for child in node.children])
