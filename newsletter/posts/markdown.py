"""Markdown to HTML, for the web and for mail, from one parser: the only place where a post is rendered."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

import markdown
from django.utils.translation import gettext as _
from markdown import blockprocessors
from markdown.extensions.def_list import DefListExtension
from markdown.extensions.footnotes import NBSP_PLACEHOLDER, FootnoteExtension
from markdown.extensions.tables import TableExtension
from markdown.extensions.toc import TocExtension
from markdown.treeprocessors import Treeprocessor

from newsletter.posts import inlines, sanitise
from newsletter.posts.figures import Figures, Sizes
from newsletter.posts.han import WIDE
from newsletter.posts.structure import FilmProcessor, StructureParser

RENDERER_VERSION = "1"
"""Changes whenever the same source may give other HTML; what was stored under another one is rendered anew."""

MOST_BRACKETS = 4_000  # in a post; more of them is no prose, and links are then left as typed
TOC_MARK = re.compile(r"^\[toc\]\s*$", re.IGNORECASE | re.MULTILINE)
# The core takes `[問]: 今天天氣如何？` for a link's address and swallows it.
REFERENCE = re.compile(
    rf"^[ ]{{0,3}}\[([^\[\]]*)\]:[ ]*(?:\n[ ]*)?((?![{WIDE}])[^\s]+)[ ]*(?:\n[ ]*)?"
    r"(([\"'])(.*)\4[ ]*|\((.*)\)[ ]*)?$",
    re.MULTILINE,
)


def render(source: str, *, sizes: Mapping[str, tuple[int, int]] | None = None) -> str:
    """Return the sanitised HTML of `source` for a web page.

    sizes: width and height of pictures by their address, as far as they are known.
    """
    md = _Markdown(is_mail=False, source=source)
    md.treeprocessors.register(Sizes(md, sizes or {}), "sizes", 9)
    return sanitise.for_web(md.convert(TOC_MARK.sub("[TOC]", source)))


def render_mail(source: str, *, base_url: str) -> str:
    """Return the sanitised HTML of `source` for a mail: absolute addresses, inline styles, no way within the page.

    base_url: what relative addresses are relative to, as `https://news.example.org`.
    """
    md = _Markdown(is_mail=True, source=source)
    return sanitise.for_mail(md.convert(TOC_MARK.sub("", source)), base_url=base_url)


class _Markdown(markdown.Markdown):
    """Python-Markdown with the parts that this house uses; one for each text, as none of it may be shared."""

    def __init__(self, *, is_mail: bool, source: str) -> None:
        self.is_mail = is_mail
        extensions = [TableExtension(use_align_attribute=True), DefListExtension(), _Footnotes(is_mail=is_mail)]
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
        reference = blockprocessors.ReferenceProcessor(self.parser)
        reference.RE = REFERENCE
        for processor, name, priority in (
            (blockprocessors.EmptyBlockProcessor(self.parser), "empty", 100),
            (blockprocessors.CodeBlockProcessor(self.parser), "code", 80),
            (blockprocessors.SetextHeaderProcessor(self.parser), "setextheader", 60),
            (blockprocessors.HRProcessor(self.parser), "hr", 50),
            (FilmProcessor(self.parser), "film", 18),
            (reference, "reference", 15),
            (blockprocessors.ParagraphProcessor(self.parser), "paragraph", 10),
        ):
            self.parser.blockprocessors.register(processor, name, priority)
        return self

    def _leave_links_as_typed(self) -> None:
        for name in ("reference", "link", "image_link", "image_reference", "short_reference", "short_image_ref"):
            self.inlinePatterns.deregister(name)


class _Footnotes(FootnoteExtension):
    """The core's footnotes with numbers for ids, whatever the author calls them."""

    def __init__(self, *, is_mail: bool) -> None:
        super().__init__(
            BACKLINK_TITLE=_("Back to where footnote %d stands"),
            BACKLINK_TEXT="↩︎",
            SUPERSCRIPT_TEXT="[{}]" if is_mail else "{}",
        )

    def _number(self, name: str) -> str:
        return str(list(self.footnotes).index(name) + 1)

    def makeFootnoteId(self, id: str) -> str:  # noqa: A002, N802 (the library's names)
        """Return the id of a note."""
        return super().makeFootnoteId(self._number(id))

    def makeFootnoteRefId(self, id: str, found: bool = False) -> str:  # noqa: A002, FBT001, FBT002, N802
        """Return the id of a note's mark in the text."""
        return super().makeFootnoteRefId(self._number(id), found)


class _PlainFootnotes(Treeprocessor):
    """Mail clients break links within a mail: keep the number and drop the ways."""

    def run(self, root: Element) -> None:
        """Change the tree in place."""
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
    used: set[str] = set()

    def name(text: str, separator: str) -> str:
        ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        words = re.findall(r"[a-z0-9]+", re.sub(r"['’]", "", ascii_text))
        stem = separator.join(words)[:60].strip(separator)
        found = _free(stem if re.search("[a-z]", stem) else "s", used, separator)
        used.add(found)
        return found

    return name


def _free(stem: str, used: set[str], separator: str) -> str:
    if stem != "s" and stem not in used:
        return stem
    number, joint = (1, "") if stem == "s" else (2, separator)
    while f"{stem}{joint}{number}" in used:
        number += 1
    return f"{stem}{joint}{number}"
