"""A text as Ghost's importer takes it: HTML of which its editor makes blocks, and cards of HTML for all else. Pure.

Ghost makes paragraphs, headings, lists, pictures and code of HTML that can be edited there. What its editor has no
block for (tables, footnotes, several paragraphs in a quotation, ids that links lead to) would lose something: it is put
between two comments, of which Ghost makes a card that keeps it as it is.
"""

from collections.abc import Callable, Iterator
from html import escape
from itertools import groupby

from newsletter.posts.importers.html.tree import Node, parse, serialised

BEGIN, END = "<!--kg-card-begin: html-->", "<!--kg-card-end: html-->"
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
INLINE = frozenset({"a", "strong", "em", "code", "s", "br", "sub", "sup", "u"})
LINKS = (("a", "href"), ("img", "src"))


def body(html: str, link: Callable[[str], str]) -> str:
    """Return the HTML of a post for Ghost. link: what makes an address there of one here."""
    root = parse(html)
    for node in root.walk():
        _prepare(node, link)
    ends = {node.attrs["href"][1:] for node in root.all("a") if node.attrs.get("href", "").startswith("#")}
    found: list[str] = []
    blocks = (child for child in root.children if isinstance(child, Node) or child.strip())
    for is_own, run in groupby(blocks, key=lambda block: _is_own(block, ends)):
        texts = "\n".join(_text(block, is_own=is_own) for block in run)
        found.append(texts if is_own else f"{BEGIN}\n{texts}\n{END}")
    return "\n".join(found)


def _prepare(node: Node, link: Callable[[str], str]) -> None:
    for name, attribute in LINKS:
        if node.name == name and attribute in node.attrs:
            node.attrs[attribute] = link(node.attrs[attribute])
    if node.name == "del":
        node.name = "s"  # the one that Ghost's editor knows
    if node.name == "pre":
        _uncolour(node)


def _uncolour(pre: Node) -> None:
    """Leave of a listing its words and its language: colours are made anew there."""
    code = pre.first("code")
    language = code.attrs.get("class", "") if code else ""
    attrs = {"class": language} if language.startswith("language-") else {}
    pre.attrs, pre.children = {}, [Node("code", attrs, [(code or pre).text])]


def _is_own(block: Node | str, ends: set[str]) -> bool:
    """Return whether Ghost's editor makes a block of it that says the same."""
    if isinstance(block, str):
        return True
    if any(node.attrs.get("id") in ends or _leads_within(node) for node in [block, *block.walk()]):
        return False
    test = BLOCKS.get(block.name)
    return test is not None and test(block)


def _leads_within(node: Node) -> bool:
    return node.attrs.get("href", "").startswith("#")


def _is_inline(children: list[Node | str]) -> bool:
    return all(isinstance(child, str) or (child.name in INLINE and _is_inline(child.children)) for child in children)


def _is_list(block: Node) -> bool:
    """Return whether it is a list of lines, or of such lists; one that begins elsewhere than at 1 is none."""
    items = _elements(block)
    return "start" not in block.attrs and all(
        item.name == "li" and "class" not in item.attrs and all(_is_in_item(child) for child in item.children)
        for item in items
    )


def _is_in_item(child: Node | str) -> bool:
    if isinstance(child, Node) and child.name in {"ul", "ol"}:
        return _is_list(child)
    return _is_inline([child])


def _is_picture(figure: Node) -> bool:
    first, *rest = _elements(figure)
    captions = all(node.name == "figcaption" and _is_inline(node.children) for node in rest)
    return first.name == "img" and len(rest) <= 1 and captions


def _elements(node: Node) -> list[Node]:
    return [child for child in node.children if isinstance(child, Node)]


def _is_paragraph(block: Node) -> bool:
    return _is_inline(block.children)


def _is_quotation(block: Node) -> bool:
    """Return whether it is one of one paragraph: Ghost's editor would join several."""
    inner = _elements(block)
    return len(inner) == 1 and inner[0].name == "p" and _is_paragraph(inner[0])


BLOCKS: dict[str, Callable[[Node], bool]] = {
    **dict.fromkeys(("p", *HEADINGS), _is_paragraph),
    **dict.fromkeys(("ul", "ol"), _is_list),
    **dict.fromkeys(("hr", "pre"), lambda _block: True),
    "blockquote": _is_quotation,
    "figure": _is_picture,
}


def _text(block: Node | str, *, is_own: bool) -> str:
    if isinstance(block, str):
        return f"<p>{escape(block.strip(), quote=False)}</p>"
    if is_own:
        _drop_ids(block)
    return _whole(block)


def _drop_ids(block: Node) -> None:
    for node in [block, *block.walk()]:
        node.attrs.pop("id", None)


def _whole(block: Node) -> str:
    """Return its HTML; the blank lines of a listing stay."""
    return "".join(_pieces(block)) if block.name == "pre" else serialised(block)


def _pieces(pre: Node) -> Iterator[str]:
    for code in _elements(pre):
        attrs = f' class="{escape(code.attrs["class"])}"' if "class" in code.attrs else ""
        yield f"<pre><code{attrs}>{escape(code.text, quote=False)}</code></pre>"
