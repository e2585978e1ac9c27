"""Markdown to sanitised HTML, for web and mail, by one parser."""

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

from newsletter.mail.characters import nfkd, without_control_characters
from newsletter.posts.markdown import inlines, sanitise, typed_tags
from newsletter.posts.markdown.blocks import split_segments
from newsletter.posts.markdown.elements import StructureParser, VideoProcessor
from newsletter.posts.markdown.figures import Figures, PictureSizes, wrap_tables
from newsletter.posts.text.prose import WIDE

LINES_MAX = 20_000  # of a post; more take a second, and are shown as typed
DEFINITIONS_MAX = 1_000  # of links and footnotes in a post; with more, it is shown as typed
BRACKETS_MAX = 4_000  # of a post; with more, links stay as typed
TRIED_BLOCKS_MAX = 300  # blocks rendered one by one to find a failing one; a longer text stays as typed
DEFINITION = re.compile(r"^ {0,3}\[[^\[\]\n]*\]:", re.MULTILINE)
PLACEHOLDER = re.compile("[\x02\x03]")  # Python-Markdown's delimiters, which must not remain in its output
TOC_MARK = re.compile(r"^\[toc\]\s*$", re.IGNORECASE | re.MULTILINE)
# Python-Markdown would take `[問]: 今天天氣如何？` for a link definition and drop it.
REFERENCE = re.compile(
    rf"^[ ]{{0,3}}\[([^\[\]]*)\]:[ ]*(?:\n[ ]*)?((?![{WIDE}])[^\s]+)[ ]*(?:\n[ ]*)?"
    r"(([\"'])(.*)\4[ ]*|\((.*)\)[ ]*)?$",
    re.MULTILINE,
)

type Convert = Callable[[str], tuple[str, bool]]
"""Markdown to (HTML, whether the author typed tags)."""


def render(source: str, *, sizes: Mapping[str, tuple[int, int]] | None = None) -> str:
    """Sanitised HTML for web pages. sizes: width and height of known pictures, by URL."""
    if _is_too_much(source):
        return _as_typed(source)

    def convert(text: str) -> tuple[str, bool]:
        md = _Markdown(is_mail=False, source=text)
        md.treeprocessors.register(PictureSizes(md, sizes or {}), "sizes", 9)
        return md.convert(TOC_MARK.sub("[TOC]", text)), md.has_raw_html

    return wrap_tables(sanitise.for_web(_convert_balanced(source, convert, is_mail=False)))


def render_mail(source: str, *, base_url: str) -> str:
    """Sanitised HTML for mail: absolute URLs, inline styles, no links within the page.

    base_url: without a final slash, as `https://news.example.org`.
    """
    if _is_too_much(source):
        return _as_typed(source)

    def convert(text: str) -> tuple[str, bool]:
        md = _Markdown(is_mail=True, source=text)
        return md.convert(TOC_MARK.sub("", text)), md.has_raw_html

    return sanitise.for_mail(_convert_balanced(source, convert, is_mail=True), base_url=base_url)


def _is_too_much(source: str) -> bool:
    """Would it take seconds? Definitions of links and footnotes are looked through for each of the others."""
    return source.count("\n") > LINES_MAX or sum(1 for _match in DEFINITION.finditer(source)) > DEFINITIONS_MAX


def _convert_balanced(source: str, convert: Convert, *, is_mail: bool) -> str:
    """HTML before sanitising, in which no unclosed tag swallows what follows."""
    source = without_control_characters(source)
    if not source.strip():  # common for introductions and closings, and a parser takes a millisecond
        return ""
    html, has_tags = convert(source)
    if PLACEHOLDER.search(html):
        html, has_tags = _without_placeholders(source, convert), True
    if not has_tags:
        return html
    return typed_tags.replace_iframes(typed_tags.escape_unpaired(html), is_mail=is_mail)


def _without_placeholders(source: str, convert: Convert) -> str:
    """Convert with those blocks as typed in whose output Python-Markdown leaves placeholders."""
    blocks = list(_blocks(source.split("\n")))
    if len(blocks) <= TRIED_BLOCKS_MAX:
        fails = [may_fail and PLACEHOLDER.search(convert(text)[0]) for text, may_fail in blocks]
        tried = [_typed_block(text) if failed else text for (text, _may), failed in zip(blocks, fails, strict=True)]
        html, _has_tags = convert("\n\n".join(tried))
        if not PLACEHOLDER.search(html):
            return html
    return _as_typed(source)


def _blocks(lines: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield the blocks of a text, and whether inline parsing applies to them."""
    for segment in split_segments(lines):
        text = "\n".join(segment.lines)
        if segment.kind == "text":
            yield from ((paragraph, True) for paragraph in re.split(r"\n[ \t]*\n", text) if paragraph.strip())
        else:
            yield text, segment.kind not in {"fence", "html"}


def _typed_block(text: str) -> str:
    lines = escape(text, quote=False).strip("\n").split("\n")
    return f"<p>{'<br>'.join(line.strip() or '&nbsp;' for line in lines)}</p>"


def _as_typed(source: str) -> str:
    return f"<pre>{escape(without_control_characters(source), quote=False)}</pre>"


class _Markdown(markdown.Markdown):
    def __init__(self, *, is_mail: bool, source: str) -> None:
        self.is_mail = is_mail
        self.has_raw_html = False  # whether the author typed any
        extensions = [TableExtension(use_align_attribute=True), _Footnotes(is_mail=is_mail)]
        if not is_mail:
            extensions.append(TocExtension(slugify=heading_ids(), toc_class="toc"))
        super().__init__(extensions=extensions, output_format="html")
        self.block_level_elements += ["iframe", "details", "summary", "figure", "figcaption"]
        inlines.register(self)
        self.treeprocessors.register(Figures(self), "figures", 18)
        if is_mail:
            self.treeprocessors.register(_PlainFootnotes(self), "plain_footnotes", 14)
        if source.count("[") > BRACKETS_MAX:
            self._leave_links_as_typed()

    def build_parser(self) -> "_Markdown":
        """Replace the block parser by StructureParser, which handles lists, quotes, headings and raw HTML."""
        super().build_parser()
        self.preprocessors.deregister("html_block")
        self.parser = StructureParser(self, for_mail=self.is_mail)
        for processor, name, priority in (
            (blockprocessors.EmptyBlockProcessor(self.parser), "empty", 100),
            (blockprocessors.CodeBlockProcessor(self.parser), "code", 80),
            (VideoProcessor(self.parser), "film", 18),
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
    """Footnotes with numbers as ids, whatever their labels."""

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
    """Unlinks footnotes: mail clients break links within a mail."""

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
    """A slugify function for the headings of one text: Latin words, else `s1`, `s2` in order; unique."""
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
