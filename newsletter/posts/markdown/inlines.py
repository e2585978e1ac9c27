"""Inline rules for Chinese text that replace Python-Markdown's: bare URLs, products, soft breaks, tags."""

import re
from collections.abc import Iterator
from string import punctuation
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.inlinepatterns import (
    AUTOMAIL_RE,
    ESCAPE_RE,
    HTML_RE,
    IMAGE_REFERENCE_RE,
    REFERENCE_RE,
    AutomailInlineProcessor,
    EscapeInlineProcessor,
    HtmlInlineProcessor,
    ImageReferenceInlineProcessor,
    InlineProcessor,
    ReferenceInlineProcessor,
    SimpleTagInlineProcessor,
    SubstituteTagInlineProcessor,
)
from markdown.treeprocessors import InlineProcessor as CoreInline
from markdown.treeprocessors import Treeprocessor
from markdown.util import ETX, HTML_PLACEHOLDER, INLINE_PLACEHOLDER_RE, STX, AtomicString

from newsletter.posts.markdown.typed_tags import is_inline
from newsletter.posts.text.prose import HAN, SHARED_PUNCTUATION, WIDE

URL = (
    r"(?<![A-Za-z0-9_/@])(https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+"
    rf"(?:(?<=/wiki/)[{HAN}]+)?)"  # the one place where typed URLs continue in Chinese
)
STRONG_MAX = 200  # characters
TRAILING_PUNCTUATION = ".,;:!?'\"*~_"  # ends a sentence or a mark, not the URL
# Python-Markdown treats Han as letters, and `__` between letters as part of a name: 用__init__寫 stays as it is.
STRONG = (
    rf"(?<![0-9A-Za-z_])(__)(?=[^\s_])((?=[{WIDE}])[^_\n]{{1,{STRONG_MAX}}}|[^_\n]{{0,{STRONG_MAX}}}[{WIDE}])"
    r"(?<=\S)__(?![0-9A-Za-z_])"
)
MULTIPLICATION_SIGN = r"(?<![*])(?:(?<=[0-9])\*(?=[0-9A-Za-z(])|(?<=[A-Za-z)])\*(?=[0-9]))(?![*])"
INLINE_MARK = re.compile(r"[\\`\[<&*_~=]|https?://|  \n")  # start of any inline rule
PARAGRAPH_MAX = 10_000  # characters of a paragraph; longer ones are data, and are not parsed
DEPTH_MAX = 150  # nested elements; containers alone take a third of it (markdown/elements.py)
BRACKETS_MAX = 300  # in a paragraph; Python-Markdown's search for pairs is quadratic
NEAR_BRACKETS = re.compile(r"\[([^\]]*)\]", re.DOTALL)
EMPHASIS = re.compile(r"(\*{1,3}|__|~~|==)(?=\S)([^\n]{1,200}?)(?<=\S)\1")
BLOCK_TAGS = {"p", "li", "dd", "dt", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "figcaption", "div", "blockquote"}
OBJECT_PLACEHOLDER = "\ufffc"  # placeholder of a picture or line break, where no lines are joined
TEXT_SEPARATOR = "\x00"  # between texts that an inline tag separates
RAW_PLACEHOLDER = re.compile(HTML_PLACEHOLDER % r"(\d+)")
RAW_LINK = re.compile(r"</?a[\s>]", re.IGNORECASE)
UNSEEN = rf"(?:{TEXT_SEPARATOR}|{HTML_PLACEHOLDER % r'\d+'})*"  # with raw inline tags, which are stashed until the end
BREAK_SIDE = f"[{WIDE}{SHARED_PUNCTUATION}]"
SOFT_BREAK = re.compile(rf"(?P<before>{BREAK_SIDE}{UNSEEN}) *\n *(?=(?P<after>{UNSEEN}{BREAK_SIDE}))")


class BareUrl(InlineProcessor):
    """Links a URL in the text; it ends where Chinese begins."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Element | None, int | None, int | None]:  # type: ignore[override]  # noqa: N802
        url = m[1][: _end_of_url(m[1])]
        if not url.partition("://")[2] or self._is_in_raw_link(data[: m.start()]):
            return None, None, None
        link = Element("a", href=url)
        link.text = AtomicString(url)
        return link, m.start(1), m.start(1) + len(url)

    def _is_in_raw_link(self, before: str) -> bool:
        """Whether the nearest raw `<a …>` or `</a>` before the URL is an opening one."""
        for key in reversed(INLINE_PLACEHOLDER_RE.findall(before[-2000:])):
            tag = self._raw_tag(key)
            if RAW_LINK.match(tag):
                return not tag.startswith("</")
        return False

    def _raw_tag(self, key: str) -> str:
        assert self.md is not None  # noqa: S101 (set by the constructor)
        inline = self.md.treeprocessors["inline"]
        assert isinstance(inline, CoreInline)  # noqa: S101 (registered by the core)
        node = inline.stashed_nodes.get(key)
        match = RAW_PLACEHOLDER.fullmatch(node) if isinstance(node, str) else None
        return str(self.md.htmlStash.rawHtmlBlocks[int(match[1])]) if match else ""


def _end_of_url(typed: str) -> int:
    """Length of the URL without trailing punctuation and unopened brackets."""
    end, surplus = len(typed), typed.count(")") - typed.count("(")
    while end:
        if typed[end - 1] in TRAILING_PUNCTUATION:
            end -= 1
        elif typed.endswith("==", 0, end):
            end -= 2
        elif typed[end - 1] == ")" and surplus > 0:
            end, surplus = end - 1, surplus - 1
        else:
            break
    return end


class KnownTag(HtmlInlineProcessor):
    """Accepts HTML's inline tags; `<your-name>`, `<textarea>` or `List<String>` stays text."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Element | str | None, int | None, int | None]:  # type: ignore[override]  # noqa: N802
        if not is_inline(m[1]):
            return None, None, None
        self.md.has_raw_html = True  # type: ignore[attr-defined]  # our own attribute
        return super().handleMatch(m, data)


class EmailAutolink(AutomailInlineProcessor):
    """Links `<name@example.org>`, unless it contains a backslash."""

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Element | str | None, int | None, int | None]:  # type: ignore[override]  # noqa: N802
        """Python-Markdown would put its placeholder of the escape into the address."""
        return (None, None, None) if STX in m[1] else super().handleMatch(m, data)


class LiteralCharacter(InlineProcessor):
    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:  # type: ignore[override]  # noqa: N802
        return f"{STX}{ord(m[0])}{ETX}", m.start(), m.end()


class SkipPlainText(Treeprocessor):
    """Skips inline parsing of texts without marks, and of overlong paragraphs."""

    def run(self, root: Element) -> None:
        for element in root.iter():
            if element.text and not _is_worth_parsing(element.text):
                element.text = AtomicString(element.text)
            if element.tail and not _is_worth_parsing(element.tail):
                element.tail = AtomicString(element.tail)


def _is_worth_parsing(text: str) -> bool:
    return len(text) <= PARAGRAPH_MAX and INLINE_MARK.search(text) is not None and text.count("[") <= BRACKETS_MAX


class LimitDepth(Treeprocessor):
    """Flattens elements nested deeper than DEPTH_MAX, so that no later step recurses too deep."""

    def run(self, root: Element) -> None:
        level = [root]
        for _depth in range(DEPTH_MAX):
            level = [child for element in level for child in element]
        for element in level:
            words = "".join(element.itertext())
            del element[:]
            element.text = words


class SoftBreaks(Treeprocessor):
    """Joins lines of Chinese: browsers show a line break between Han characters as a space."""

    def run(self, root: Element) -> None:
        for block in root.iter():
            if block.tag in BLOCK_TAGS:
                _join(block)


def _join(block: Element) -> None:
    pieces = list(_pieces(block, is_root=True))
    joined = TEXT_SEPARATOR.join(text for _element, _part, text in pieces)
    if "\n" not in joined:
        return
    changed = SOFT_BREAK.sub(_without_break, joined)
    for (element, part, _text), text in zip(pieces, changed.split(TEXT_SEPARATOR), strict=True):
        if part:
            setattr(element, part, text)


def _without_break(match: re.Match[str]) -> str:
    sides = match["before"][0] + match["after"][-1]
    is_wide = any(not re.match(f"[{SHARED_PUNCTUATION}]", side) for side in sides)
    return match["before"] if is_wide else match[0]


def _pieces(element: Element, *, is_root: bool = False) -> Iterator[tuple[Element, str, str]]:
    """Yield (element, "text" or "tail", string) in reading order; part "" is a placeholder, not to be changed."""
    if element.tag in {"br", "img", "input"} or (element.tag in BLOCK_TAGS and not is_root):
        yield element, "", OBJECT_PLACEHOLDER
    elif element.tag not in {"pre", "ul", "ol", "table"}:
        if element.text and element.tag != "code":
            yield element, "text", element.text
        elif element.text:
            yield element, "", element.text.replace("\n", " ")
        for child in element:
            yield from _pieces(child)
    if element.tail and not is_root:
        yield element, "tail", element.tail


class Escape(EscapeInlineProcessor):
    """Like the base class, but Python-Markdown would still read `\\&amp;` as an entity."""

    def handleMatch(self, m: re.Match[str], data: str) -> Any:  # type: ignore[override]  # noqa: N802
        return ("&amp;", m.start(0), m.end(0)) if m[1] == "&" else super().handleMatch(m, data)


class NearReference(ReferenceInlineProcessor):
    """`[words][name]` without a space between them, which Python-Markdown would allow."""

    RE_LINK = NEAR_BRACKETS


class NearImageReference(ImageReferenceInlineProcessor):
    RE_LINK = NEAR_BRACKETS


class PlainWords(Treeprocessor):
    """Removes Markdown from alternative texts, and the escape of `a\\|b` from code in tables."""

    def run(self, root: Element) -> None:
        for picture in root.iter("img"):
            picture.set("alt", EMPHASIS.sub(r"\2", picture.get("alt", "")))
        for cell in (*root.iter("td"), *root.iter("th")):
            for code in cell.iter("code"):
                code.text = AtomicString((code.text or "").replace("\\|", "|"))


def register(md: Markdown) -> None:
    """Register these rules, by descending priority among Python-Markdown's own."""
    md.inlinePatterns.register(SubstituteTagInlineProcessor(r"(?<!\\)\\\n", "br"), "backslash_break", 185)
    md.ESCAPED_CHARS = [*punctuation]  # all of ASCII's: CommonMark, section 2.4
    md.inlinePatterns.register(LiteralCharacter(MULTIPLICATION_SIGN, md), "times", 182)
    md.inlinePatterns.register(Escape(ESCAPE_RE, md), "escape", 180)
    md.inlinePatterns.register(NearReference(REFERENCE_RE, md), "reference", 170)
    md.inlinePatterns.register(NearImageReference(IMAGE_REFERENCE_RE, md), "image_reference", 140)
    md.inlinePatterns.register(EmailAutolink(AUTOMAIL_RE, md), "automail", 110)
    md.inlinePatterns.register(KnownTag(HTML_RE, md), "html", 90)
    md.inlinePatterns.register(BareUrl(URL, md), "bare_url", 85)
    md.inlinePatterns.register(SimpleTagInlineProcessor(STRONG, "strong"), "strong_han", 84)
    assert md.delimiters is not None  # noqa: S101 (made by the core with its patterns)
    md.delimiters.add("=", "mark", double=True)
    md.delimiters.add("~", "del", double=True)
    md.treeprocessors.register(SkipPlainText(md), "unparsed", 30)
    md.treeprocessors.register(LimitDepth(md), "shallow", 19)
    md.treeprocessors.register(SoftBreaks(md), "soft_breaks", 16)
    md.treeprocessors.register(PlainWords(md), "plain_words", 15)
