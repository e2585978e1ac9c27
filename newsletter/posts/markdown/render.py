"""Markdown to HTML, for the web and for mail, from one parser: the only place where a post is rendered."""

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from xml.etree.ElementTree import Element

import markdown
from django.utils.translation import gettext as _
from markdown import blockprocessors
from markdown.extensions.footnotes import NBSP_PLACEHOLDER, FootnoteExtension
from markdown.extensions.tables import TableExtension
from markdown.extensions.toc import TocExtension
from markdown.treeprocessors import Treeprocessor

from newsletter.mail.characters import nfkd, without_control
from newsletter.posts.markdown import inlines, sanitise, typed_tags
from newsletter.posts.markdown.blocks import segments
from newsletter.posts.markdown.figures import Figures, Sizes, with_boxes
from newsletter.posts.markdown.structure import FilmProcessor, StructureParser
from newsletter.posts.text.measures import WIDE

MOST_LINES = 20_000  # of a post; more of them is a file, and would take a second
MOST_BRACKETS = 4_000  # in a post; more of them is no prose, and links are then left as typed
MOST_TRIED = 300  # blocks that are rendered alone, to find one that fails; in a longer text all stays as typed
PLACEHOLDER = re.compile("[\x02\x03]")  # what the core puts its own marks between, and takes out again
TOC_MARK = re.compile(r"^\[toc\]\s*$", re.IGNORECASE | re.MULTILINE)
# The core takes `[問]: 今天天氣如何？` for a link's address and swallows it.
REFERENCE = re.compile(
    rf"^[ ]{{0,3}}\[([^\[\]]*)\]:[ ]*(?:\n[ ]*)?((?![{WIDE}])[^\s]+)[ ]*(?:\n[ ]*)?"
    r"(([\"'])(.*)\4[ ]*|\((.*)\)[ ]*)?$",
    re.MULTILINE,
)

type Convert = Callable[[str], tuple[str, bool]]
"""Makes HTML of Markdown, and knows whether its author typed tags."""


def render(source: str, *, sizes: Mapping[str, tuple[int, int]] | None = None) -> str:
    """Return the sanitised HTML of `source` for a web page.

    sizes: width and height of pictures by their address, as far as they are known.
    """
    if source.count("\n") > MOST_LINES:
        return _as_typed(source)

    def convert(text: str) -> tuple[str, bool]:
        md = _Markdown(is_mail=False, source=text)
        md.treeprocessors.register(Sizes(md, sizes or {}), "sizes", 9)
        return md.convert(TOC_MARK.sub("[TOC]", text)), md.has_tags

    return with_boxes(sanitise.for_web(_marked(source, convert, is_mail=False)))


def render_mail(source: str, *, base_url: str) -> str:
    """Return the sanitised HTML of `source` for a mail: absolute addresses, inline styles, no way within the page.

    base_url: what relative addresses are relative to, as `https://news.example.org`.
    """
    if source.count("\n") > MOST_LINES:
        return _as_typed(source)

    def convert(text: str) -> tuple[str, bool]:
        md = _Markdown(is_mail=True, source=text)
        return md.convert(TOC_MARK.sub("", text)), md.has_tags

    return sanitise.for_mail(_marked(source, convert, is_mail=True), base_url=base_url)


def _marked(source: str, convert: Convert, *, is_mail: bool) -> str:
    """Return the HTML of `source`, not yet sanitised, in which nothing hides what follows."""
    source = without_control(source)
    if not source.strip():  # a letter often has neither introduction nor closing, and a parser takes a millisecond
        return ""
    html, has_tags = convert(source)
    if PLACEHOLDER.search(html):
        html, has_tags = _without_placeholders(source, convert), True
    if not has_tags:
        return html
    return typed_tags.with_links_for_frames(typed_tags.as_marks(html), is_mail=is_mail)


def _without_placeholders(source: str, convert: Convert) -> str:
    """Return the HTML of `source` with those of its blocks as typed that the core leaves its own marks in."""
    blocks = list(_blocks(source.split("\n")))
    if len(blocks) <= MOST_TRIED:
        fails = [may_fail and PLACEHOLDER.search(convert(text)[0]) for text, may_fail in blocks]
        tried = [_typed_block(text) if failed else text for (text, _may), failed in zip(blocks, fails, strict=True)]
        html, _has_tags = convert("\n\n".join(tried))
        if not PLACEHOLDER.search(html):
            return html
    return _as_typed(source)


def _blocks(lines: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield the blocks of a text, a paragraph each, and whether the core looks for marks inside them."""
    for segment in segments(lines):
        text = "\n".join(segment.lines)
        if segment.kind == "text":
            yield from ((paragraph, True) for paragraph in re.split(r"\n[ \t]*\n", text) if paragraph.strip())
        else:
            yield text, segment.kind not in {"fence", "html"}


def _typed_block(text: str) -> str:
    lines = escape(text, quote=False).strip("\n").split("\n")
    return f"<p>{'<br>'.join(line.strip() or '&nbsp;' for line in lines)}</p>"


def _as_typed(source: str) -> str:
    return f"<pre>{escape(without_control(source), quote=False)}</pre>"


class _Markdown(markdown.Markdown):
    """Python-Markdown with the parts that this house uses; one for each text, as none of it may be shared."""

    def __init__(self, *, is_mail: bool, source: str) -> None:
        self.is_mail = is_mail
        self.has_tags = False  # whether any was typed: the renderer's own need no second look
        extensions = [TableExtension(use_align_attribute=True), _Footnotes(is_mail=is_mail)]
        if not is_mail:
            extensions.append(TocExtension(slugify=heading_ids(), toc_class="toc"))
        super().__init__(extensions=extensions, output_format="html")
        self.block_level_elements += ["iframe", "details", "summary", "figure", "figcaption"]
        inlines.register(self)
        self.treeprocessors.register(Figures(self), "figures", 18)
        if is_mail:
            self.treeprocessors.register(_PlainFootnotes(self), "plain_footnotes", 14)
        if source.count("[") > MOST_BRACKETS:
            self._leave_links_as_typed()

    def build_parser(self) -> "_Markdown":
        """Build the core's parser, with lists, quotes, headings and raw HTML in our own hands."""
        super().build_parser()
        self.preprocessors.deregister("html_block")
        self.parser = StructureParser(self, for_mail=self.is_mail)
        for processor, name, priority in (
            (blockprocessors.EmptyBlockProcessor(self.parser), "empty", 100),
            (blockprocessors.CodeBlockProcessor(self.parser), "code", 80),
            (FilmProcessor(self.parser), "film", 18),
            (_References(self.parser), "reference", 15),
            (blockprocessors.ParagraphProcessor(self.parser), "paragraph", 10),
        ):
            self.parser.blockprocessors.register(processor, name, priority)
        return self

    def _leave_links_as_typed(self) -> None:
        for name in ("reference", "link", "image_link", "image_reference", "short_reference", "short_image_ref"):
            self.inlinePatterns.deregister(name)


class _References(blockprocessors.ReferenceProcessor):
    RE = REFERENCE


class _Footnotes(FootnoteExtension):
    """The core's footnotes with numbers for ids, whatever the author calls them."""

    def __init__(self, *, is_mail: bool) -> None:
        self.numbers: dict[str, int] = {}
        super().__init__(
            BACKLINK_TITLE=_("Back to where footnote %d stands"),
            BACKLINK_TEXT="↩︎",
            SEPARATOR="-",
            SUPERSCRIPT_TEXT="[{}]" if is_mail else "{}",
        )

    def _number(self, name: str) -> str:
        if len(self.numbers) != len(self.footnotes):
            self.numbers = {known: number for number, known in enumerate(self.footnotes, start=1)}
        return str(self.numbers[name])

    def makeFootnoteId(self, id: str) -> str:  # noqa: A002, N802 (the library's names)
        return super().makeFootnoteId(self._number(id))

    def makeFootnoteRefId(self, id: str, found: bool = False) -> str:  # noqa: A002, N802
        return super().makeFootnoteRefId(self._number(id), found)


class _PlainFootnotes(Treeprocessor):
    """Mail clients break links within a mail: keep the number and drop the ways."""

    def run(self, root: Element) -> None:
        for parent in list(root.iter()):
            for child in list(parent):
                if child.get("class") == "footnote-backref":
                    parent.remove(child)
                    parent.text = (parent.text or "").removesuffix(NBSP_PLACEHOLDER)
                elif child.get("class") == "footnote-ref":
                    child.tag = "span"
                    child.attrib.clear()


def heading_ids() -> Callable[[str, str], str]:
    """Return a function that names the headings of one text: their Latin words, else `s1`, `s2` by order.

    A heading keeps its id while its words are the same; no two are alike.
    """
    used = {"content", "q"}  # the page's own
    counts: dict[str, int] = {}

    def name(text: str, separator: str) -> str:
        stem = _latin_words(text, separator)
        numbered = stem or "s"
        found = stem
        while not found or found in used:
            counts[numbered] = counts.get(numbered, 1 if stem else 0) + 1
            found = f"{stem}{separator}{counts[numbered]}" if stem else f"s{counts[numbered]}"
        used.add(found)
        return found

    return name


def _latin_words(text: str, separator: str) -> str:
    ascii_text = nfkd(text).encode("ascii", "ignore").decode().lower()
    words = separator.join(re.findall(r"[a-z0-9]+", ascii_text.replace("'", "")))
    return words[:60].strip(separator) if re.search("[a-z]", words) else ""
