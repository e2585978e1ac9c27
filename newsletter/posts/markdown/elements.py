"""Builds elements from segments: lists, quotes and callouts, fences, headings, raw HTML, videos."""

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element, SubElement

from django.utils.translation import gettext_lazy as _
from markdown import Markdown
from markdown.blockparser import BlockParser
from markdown.blockprocessors import BlockProcessor
from markdown.util import AtomicString

from newsletter.posts.markdown import figures
from newsletter.posts.markdown.blocks import Segment, split_segments
from newsletter.posts.markdown.code_highlighting import highlight
from newsletter.posts.markdown.lines import (
    DEFINITION,
    FENCE,
    HEADING,
    QUOTE,
    ListItem,
    indent_of,
    without_closing_hashes,
)
from newsletter.posts.markdown.typed_tags import IFRAME, escape_unclosed

NESTING_MAX = 16  # nested containers; deeper Markdown stays as typed
HIGHLIGHTED_MAX = 60_000  # characters of highlighted code in a post, to stay within a second
CALLOUT = re.compile(r"^\[!(?P<kind>\w+)\][+-]? *(?P<title>.*)$")
TITLE_BY_CALLOUT = {
    "note": _("Note"),
    "tip": _("Tip"),
    "important": _("Important"),
    "warning": _("Warning"),
    "caution": _("Caution"),
}
TASK = re.compile(r"^\[(?P<done>[ xX])\](?: +|$)")
PARAGRAPH_INDENT = re.compile(r"\n(?=\u3000\u3000)")  # a paragraph start in Chinese typesetting
LANGUAGE = re.compile(r"^\{?\.?([\w+#.-]*)", re.ASCII)


class StructureParser(BlockParser):
    """Splits text into segments before Python-Markdown's block parsing."""

    def __init__(self, md: Markdown, *, for_mail: bool) -> None:
        super().__init__(md)
        self.for_mail = for_mail
        self.depth = 0
        self.highlight_budget = HIGHLIGHTED_MAX

    def parseChunk(self, parent: Element, text: str) -> None:  # noqa: N802 (the library's name)
        if self.depth >= NESTING_MAX:
            SubElement(parent, "p").text = AtomicString(text.strip())
            return
        self.depth += 1
        for segment in split_segments(text.split("\n")):
            BUILDERS[segment.kind](self, parent, segment)
        self.depth -= 1


class VideoProcessor(BlockProcessor):
    """Replaces a paragraph by a video if it is only the URL of one."""

    parser: "StructureParser"

    def test(self, parent: Element, block: str) -> bool:
        return figures.parse_video(block) is not None

    def run(self, parent: Element, blocks: list[str]) -> None:
        video = figures.parse_video(blocks.pop(0))
        if video:
            _video(self.parser, parent, video)


def _text(parser: StructureParser, parent: Element, segment: Segment) -> None:
    text = PARAGRAPH_INDENT.sub("\n\n", "\n".join(segment.lines).strip("\n"))
    parser.parseBlocks(parent, text.split("\n\n"))


def _video(parser: StructureParser, parent: Element, video: figures.Video) -> None:
    (figures.append_video_link if parser.for_mail else figures.append_player)(parent, video)


def _table(parser: StructureParser, parent: Element, segment: Segment) -> None:
    parser.parseBlocks(parent, ["\n".join(segment.lines)])


def _fence(parser: StructureParser, parent: Element, segment: Segment) -> None:
    match = FENCE.match(segment.lines[0])
    assert match, segment.lines[0]  # noqa: S101 (markdown/blocks.py read it by the same pattern)
    indent = indent_of(segment.lines[0])
    body = segment.lines[1:]
    is_closed = bool(body) and _closes(body[-1], match["fence"])
    code = "\n".join(line[min(indent, indent_of(line)) :] for line in (body[:-1] if is_closed else body))
    code = code if is_closed else code.rstrip("\n")
    parser.highlight_budget -= len(code)
    language = LANGUAGE.match(match["info"]) if parser.highlight_budget > 0 else None
    html = highlight(code, language[1] if language else "", inline=parser.for_mail)
    _stash(parser, parent, html)


def _closes(line: str, fence: str) -> bool:
    line = line.strip()
    return len(line) >= len(fence) and set(line) == {fence[0]}


def _stash(parser: StructureParser, parent: Element, html: str) -> None:
    SubElement(parent, "p").text = AtomicString(parser.md.htmlStash.store(html))


def _heading(parser: StructureParser, parent: Element, segment: Segment) -> None:
    match = HEADING.match(segment.lines[0])
    assert match, segment.lines[0]  # noqa: S101 (markdown/blocks.py read it by the same pattern)
    text = without_closing_hashes(match["text"]).strip()
    if text:
        SubElement(parent, f"h{len(match['one'] or match['glued'])}").text = text


def _setext_heading(parser: StructureParser, parent: Element, segment: Segment) -> None:
    level = 1 if segment.lines[-1].strip().startswith("=") else 2
    SubElement(parent, f"h{level}").text = "\n".join(line.strip() for line in segment.lines[:-1])


def _rule(parser: StructureParser, parent: Element, segment: Segment) -> None:
    SubElement(parent, "hr")


def _definitions(parser: StructureParser, parent: Element, segment: Segment) -> None:
    element = SubElement(parent, "dl")
    lines: list[str] = []
    for line in [*segment.lines, ": "]:
        match = DEFINITION.match(line)
        if match or (indent_of(line) < 2 and line.strip()):
            _definition(parser, element, lines)
            lines = []
        lines.append(line)


def _definition(parser: StructureParser, parent: Element, lines: list[str]) -> None:
    """Append a `dt` for a term, a `dd` for a definition with its indented lines."""
    match = DEFINITION.match(lines[0]) if lines else None
    if match:
        text = "\n".join([lines[0][match.end() :], *(line[min(4, indent_of(line)) :] for line in lines[1:])])
        element = SubElement(parent, "dd")
        parser.parseChunk(element, text.strip("\n"))
        if "\n\n" not in text.strip():
            _unwrap_paragraphs(element)
    elif lines:
        SubElement(parent, "dt").text = lines[0].strip()


def _html(parser: StructureParser, parent: Element, segment: Segment) -> None:
    html = "\n".join(segment.lines)
    video = figures.parse_video(html)
    if video:
        _video(parser, parent, video)
    else:
        parser.md.has_raw_html = True  # type: ignore[attr-defined]  # our own attribute
        _stash(parser, parent, f"<p>{html.strip()}</p>" if IFRAME.fullmatch(html.strip()) else escape_unclosed(html))


def _quote(parser: StructureParser, parent: Element, segment: Segment) -> None:
    lines = [QUOTE.sub("", line, count=1) for line in segment.lines]
    callout = CALLOUT.match(lines[0])
    kind = callout["kind"].lower() if callout else ""
    if not callout or kind not in TITLE_BY_CALLOUT:
        parser.parseChunk(SubElement(parent, "blockquote"), "\n".join(lines))
        return
    box = SubElement(parent, "div", {"class": f"callout {kind}"})
    SubElement(box, "p", {"class": "callout-title"}).text = callout["title"].strip() or str(TITLE_BY_CALLOUT[kind])
    parser.parseChunk(box, "\n".join(lines[1:]))


def _list(parser: StructureParser, parent: Element, segment: Segment) -> None:
    number = segment.items[0].marker.number
    element = SubElement(parent, "ul" if number is None else "ol")
    if number not in {None, 1}:
        element.set("start", str(number))
    is_loose = segment.is_loose or any(_is_spaced(item) for item in segment.items)
    for item in segment.items:
        _item(parser, element, item, is_loose=is_loose)


def _is_spaced(item: ListItem) -> bool:
    """Whether a blank line separates two text blocks of the item, which makes its list loose."""
    parts = list(split_segments(item.lines))
    text = [part.lines for part in parts if part.kind == "text"]
    return any("" in lines for lines in text)


def _item(parser: StructureParser, parent: Element, item: ListItem, *, is_loose: bool) -> None:
    element = SubElement(parent, "li")
    task = TASK.match(item.lines[0])
    if task:
        item.lines[0] = item.lines[0][task.end() :]
    parser.parseChunk(element, "\n".join(item.lines))
    if not is_loose:
        _unwrap_paragraphs(element)
    if task:
        _add_checkbox(parser, element, is_done=task["done"] != " ")


def _unwrap_paragraphs(item: Element) -> None:
    """Merge the paragraphs of a tight item into its text. They have no children yet: inlines are parsed later."""
    for child in [child for child in item if child.tag == "p" and not child.attrib]:
        index = list(item).index(child)
        item.remove(child)
        text = child.text or ""
        if index == 0:
            item.text = f"{item.text}\n{text}" if item.text else text
        else:
            before = item[index - 1]
            before.tail = AtomicString(f"\n{text}") if isinstance(text, AtomicString) else f"\n{text}"


def _add_checkbox(parser: StructureParser, item: Element, *, is_done: bool) -> None:
    item.set("class", "task")
    holder = item if item.text or not len(item) or item[0].tag != "p" else item[0]
    text = holder.text or ""
    if parser.for_mail:
        holder.text = f"{'☑' if is_done else '☐'} {text}"
        return
    box = Element("input", {"type": "checkbox", "disabled": "disabled"} | ({"checked": "checked"} if is_done else {}))
    box.tail, holder.text = f" {text}", None
    label = Element("label")  # its text names the checkbox for screen readers
    label.append(box)
    holder.insert(0, label)


BUILDERS: dict[str, Callable[[StructureParser, Element, Segment], None]] = {
    "text": _text,
    "table": _table,
    "fence": _fence,
    "heading": _heading,
    "title": _setext_heading,
    "rule": _rule,
    "definitions": _definitions,
    "html": _html,
    "quote": _quote,
    "list": _list,
}
