"""Paragraphs, headings, lists, quotes, tables and code as Markdown; or as HTML, where that says too little. Pure."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby

from newsletter.moving.converters.html.footnotes import MARK
from newsletter.moving.converters.html.inlines import Escaping, InlineContext, inline, picture, raw_text
from newsletter.moving.converters.html.tree import BLOCK, NATURAL_LANGUAGES, Node, serialised
from newsletter.posts.markdown.figures import parse_video

_ATTRS = {"href", "src", "alt", "title", "start", "colspan", "rowspan", "reversed", "datetime", "open", "dir"}


def as_html(nodes: list[Node | str]) -> str:
    """The nodes as HTML with what our sanitiser keeps; the last way to write a block."""
    whole = Node("div", children=[_clean(node) for node in nodes])
    single = whole.children[0] if len(whole.children) == 1 else whole
    return serialised(single if isinstance(single, Node) and single.name in BLOCK else whole).strip()


def _clean(node: Node | str) -> Node | str:
    if isinstance(node, str) or node.name == "!":
        return node
    attrs = {name: value for name, value in node.attrs.items() if name in _ATTRS}
    if node.name == MARK:
        return Node("sup", children=[node.attrs["number"]])
    name = "blockquote" if node.name == "callout" else node.name
    return Node(name, attrs, [_clean(child) for child in node.children])


_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|brush:|highlight-source)[-:]?\s*([\w+#.-]+)")
_NO_HEADING_CONTENT = frozenset({"figure", "table", "pre", "ul", "ol", "dl", "blockquote", "details", "hr"})


def write_blocks(nodes: list[Node | str], context: InlineContext) -> list[str]:
    return [block for _source, block in blocks_with_sources(nodes, context)]


def blocks_with_sources(nodes: list[Node | str], context: InlineContext) -> Iterator[tuple[list[Node | str], str]]:
    """Yield what each block was made of, and the block."""
    for group in _groups(nodes):
        first = group[0]
        if isinstance(first, Node) and first.name in _BLOCKS:
            block = _BLOCKS[first.name](first, context)
        elif isinstance(first, Node) and first.name in BLOCK:
            yield from blocks_with_sources(first.children, context)
            continue
        else:
            block = inline(group, context)
        if block.strip():
            yield group, block


def _groups(nodes: list[Node | str]) -> Iterator[list[Node | str]]:
    """Yield runs of what stands in one paragraph, and each block alone."""
    for is_block, run in groupby(nodes, _is_block):
        group = list(run)
        if is_block:
            yield from ([node] for node in group)
        elif any(isinstance(one, Node) or one.strip() for one in group):
            yield group


def _is_block(node: Node | str) -> bool:
    return isinstance(node, Node) and (node.name in _BLOCKS or node.name in BLOCK)


def _paragraph(node: Node, context: InlineContext) -> str:
    if any(isinstance(child, Node) and child.name in BLOCK for child in node.children):
        return "\n\n".join(write_blocks(node.children, context))
    return inline(node.children, context)


def _heading(node: Node, context: InlineContext) -> str:
    if any(child.name in _NO_HEADING_CONTENT for child in node.walk()):
        return "\n\n".join(write_blocks(node.children, context))
    words = re.sub(r"(#+)$", r"\\\1", inline(node.children, replace(context, one_line=True)).replace("\n", " "))
    return f"{'#' * int(node.name[1])} {words}" if words else ""


def _quote(node: Node, context: InlineContext) -> str:
    """A quotation; or a callout, which has its title in a line of its own."""
    title = node.attrs.get("title", "") if node.name == "callout" else ""
    head = f"[!NOTE] {title}\n" if title else ""
    return _prefixed(head + "\n\n".join(write_blocks(node.children, context)), "> ", "> ")


def _prefixed(text: str, first: str, rest: str) -> str:
    if not text:
        return ""
    lines = text.split("\n")
    return "\n".join([first + lines[0], *((rest + line).rstrip() for line in lines[1:])])


def _list(node: Node, context: InlineContext) -> str:
    is_ordered, items = node.name == "ol", _items(node)
    start = node.attrs.get("start", "1")
    number = int(start) if start.isdecimal() and len(start) < 10 else 1
    is_loose = any(child.name == "p" for item in items for child in item.children if isinstance(child, Node))
    lines = []
    for index, item in enumerate(items):
        mark = f"{number + index}. " if is_ordered else "- "
        text = _item_text(item, context, is_loose=is_loose)
        lines.append(_prefixed(text or " ", mark, " " * len(mark)) if text else mark.rstrip())
    return ("\n\n" if is_loose else "\n").join(lines)


def _items(node: Node) -> list[Node]:
    """The items; a list that stands between items, as some editors write it, belongs to the one before."""
    items: list[Node] = []
    for child in node.children:
        if isinstance(child, str):
            if child.strip():
                items.append(Node("li", children=[child]))
        elif child.name == "li":
            items.append(child)
        elif items and child.name in {"ul", "ol"}:
            items[-1] = Node("li", items[-1].attrs, [*items[-1].children, child])
        elif child.name != "!":
            items.append(Node("li", children=[child]))
    return items


def _item_text(item: Node, context: InlineContext, *, is_loose: bool) -> str:
    blocks, box = write_blocks(item.children, context), item.first("input")
    text = ("\n\n" if is_loose else "\n").join(blocks)
    if box is not None and box.attrs.get("type") == "checkbox":
        return re.sub(r"^[☑☐] *", "[x] " if "checked" in box.attrs else "[ ] ", text)
    return re.sub(r"^\[(?=[ xX]\])", r"\\[", text)


def _code_block(node: Node, context: InlineContext) -> str:
    code = "".join(map(raw_text, node.children))
    code = code.removeprefix("\n").rstrip("\n")
    fence = "`" * max(3, max((len(run) for run in re.findall("`{3,}", code)), default=0) + 1)
    return f"{fence}{_language(node)}\n{code}\n{fence}" if code.strip() else ""


def _language(node: Node) -> str:
    classes = (one.attrs.get("class", "") for one in (node.first("code"), node) if one)
    if found := next(filter(None, map(_LANGUAGE.search, classes)), None):
        return found[1]
    names = ("data-lang", "data-code-block-lang", "language", "lang")
    named = next((node.attrs[name].strip() for name in names if node.attrs.get(name)), "")
    named = "" if named.lower() in NATURAL_LANGUAGES else named  # what `lang` says of words
    return named if re.fullmatch(r"[\w+#.-]{1,20}", named) else ""


def _figure(node: Node, context: InlineContext) -> str:
    """A picture with its caption as Markdown, if that says all of it."""
    images, caption = node.all("img"), node.first("figcaption")
    words = caption.single_line_text if caption else ""
    holds_more = node.text.strip() != (caption.text.strip() if caption else "")
    if len(images) != 1 or holds_more or node.first("iframe", "pre", "blockquote", "table"):
        return "\n\n".join(write_blocks(node.children, context))
    if caption and any(one.name not in {"span", "p", "br", "div"} for one in caption.walk()):
        return as_html([node])
    links = (one.attrs.get("href", "") for one in node.all("a") if images[0] in one.walk())
    shown, href = picture(images[0], caption=words), next(links, "")
    return f"[{shown}]({href})" if href else shown


def _table(node: Node, context: InlineContext) -> str:
    rows = [row for row in node.all("tr") if any(isinstance(cell, Node) for cell in row.children)]
    cells = [[cell for cell in row.children if isinstance(cell, Node) and cell.name in {"td", "th"}] for row in rows]
    if not cells or not _is_simple(cells, node):
        return as_html([node]) if node.text.strip() or node.first("img") else ""
    lines = [" | ".join(_cell(cell, context) for cell in row) for row in cells]
    sides = [_alignment(cell) for cell in cells[0]]
    return "\n".join(f"| {line} |" for line in [lines[0], " | ".join(sides), *lines[1:]])


def _is_simple(rows: list[list[Node]], table: Node) -> bool:
    """Can be written in Markdown: one row of headings, rows of equal length, no blocks in cells."""
    names = [["th"] * len(rows[0]), *(["td"] * len(rows[0]) for _row in rows[1:])]
    if table.first("caption") or [[cell.name for cell in row] for row in rows] != names:
        return False
    cells = [cell for row in rows for cell in row]
    if any(cell.attrs.get(name, "1") != "1" for cell in cells for name in ("colspan", "rowspan")):
        return False
    return not any(inner.name in BLOCK - {"p", "div"} for cell in cells for inner in cell.walk())


def _cell(cell: Node, context: InlineContext) -> str:
    inner = write_blocks(cell.children, replace(context, in_table=True, one_line=True))
    return "<br>".join(part.replace("\n", " ") for part in inner) or " "


def _alignment(cell: Node) -> str:
    side = cell.attrs.get("align") or (re.findall(r"text-align:\s*(\w+)", cell.attrs.get("style", "")) or [""])[0]
    return {"left": ":--", "right": "--:", "center": ":-:"}.get(side, "---")


def _frame(node: Node, context: InlineContext) -> str:
    source = node.attrs.get("src", "").strip()
    found = parse_video(source)
    if not source:
        return ""
    return found.page_url if found and context.care is Escaping.LIGHT else serialised(Node("iframe", {"src": source}))


def _details(node: Node, context: InlineContext) -> str:
    return as_html([node]) if node.text.strip() or node.first("img") else ""


_BLOCKS: dict[str, Callable[[Node, InlineContext], str]] = {
    "p": _paragraph,
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), _heading),
    "hr": lambda _node, _context: "---",
    **dict.fromkeys(("blockquote", "callout"), _quote),
    **dict.fromkeys(("ul", "ol"), _list),
    "pre": _code_block,
    "figure": _figure,
    "figcaption": _paragraph,
    "table": _table,
    "iframe": _frame,
    "details": _details,
    "dl": _details,
    "!": lambda node, _context: serialised(node),
}
