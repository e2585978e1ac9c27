"""Plain text, excerpt, length and reading time of rendered HTML, and the script of characters."""

import math
import re
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final, Protocol

from django.utils.translation import ngettext

from newsletter.mail.characters import nfkd

HAN: Final = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Ideographs with 々 and 〇, for use inside a regular expression's brackets."""

KANA: Final = "\u3040-\u30ff\u31f0-\u31ff"
BOPOMOFO: Final = "\u02c9\u02ca\u02c7\u02cb\u02d9\u3100-\u312f\u31a0-\u31bf"

PUNCTUATION: Final = "\u3001-\u3004\u3008-\u3020\u3030\ufe30-\ufe4f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"

FULL_WIDTH: Final = "\u3000-\u303f\ufe30-\ufe4f\uff01-\uff65\uffe0-\uffe6"
"""All of CJK symbols and full-width forms, letters and digits too."""

WIDE: Final = HAN + KANA + BOPOMOFO + FULL_WIDTH
"""Full-width scripts, which are set without spaces."""

SHARED_PUNCTUATION: Final = "\u00b7\u2014\u2018\u2019\u201c\u201d\u2026\u2027"
"""Punctuation of both Chinese and Latin (— … “ ”): wide only next to a wide character."""

HAN_CHARACTER: Final = re.compile(f"[{HAN}]")
LATIN_WORD: Final = re.compile(r"[A-Za-z0-9\u00c0-\u024f]+(?:['’.\-+#/&][A-Za-z0-9\u00c0-\u024f]+)*[+#]*")

SLUG_MAX: Final = 60  # characters; the slug is Post.words
BLOCK: Final = re.compile(
    "address|article|aside|blockquote|body|br|caption|center|d[dlt]|details|div|figcaption|figure|footer|h[1-6r]|header|li|"
    "main|nav|ol|p|pre|section|summary|table|tbody|t[dhr]|tfoot|thead|ul"
)
VOID_TAGS: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
INVISIBLE_TAGS: Final = frozenset({"script", "style", "iframe", "template"})
NOT_PROSE: Final = frozenset({"li", "dl", "table", "figure", "blockquote", "aside", "pre", "details", "nav", "callout"})
CLOSERS: Final = "」』）〕】》〉”’\"')\\]"
SENTENCE: Final = re.compile(
    rf"(?:[^。！？!?…\n.]++|…(?!…*[{CLOSERS}]*$)|\.(?![{CLOSERS}]*(?:\s|$))|(?<=[A-Z])\.(?=\s)|[!?](?=[A-Za-z0-9]))*"
    rf"(?:[。！？!?.…]+[{CLOSERS}]*|\n|$)"
)
ENDS_SENTENCE: Final = re.compile(rf"[。！？!?.…][{CLOSERS}]*$")
CLAUSE_END: Final = re.compile(rf"[，、；：,;:—…\s]+[{CLOSERS}]*$")
WORD_IN_TITLE: Final = re.compile(r"[A-Za-z0-9]+(?:[+#]+|(?:[ .\-_'’&/+]+[A-Za-z0-9]+)*[+#]*)")
SPELT_OUT: Final = {"c#": "csharp", "f#": "fsharp", "c++": "cpp", ".net": "dotnet"}


def plain_text(html: str) -> str:
    return "\n".join(text for text, _path in _blocks(html))


def han_count(html: str) -> int:
    """Han characters, without code, captions and footnotes."""
    return sum(len(HAN_CHARACTER.findall(text)) for text in _counted_texts(html))


def word_count(html: str) -> int:
    """Words in other scripts, without code, captions and footnotes."""
    return sum(len(LATIN_WORD.findall(text)) for text in _counted_texts(html))


class ReadingSpeeds(Protocol):
    han_per_minute: int
    words_per_minute: int


def minutes_to_read(han: int, words: int, speeds: ReadingSpeeds) -> int:
    """At least 1. speeds: a Publication."""
    return max(1, math.floor(han / speeds.han_per_minute + words / speeds.words_per_minute + 0.5))


def length_text(han: int, words: int) -> str:
    """ "1,234 characters" or "310 words", by the script that has more. All pages state lengths through this."""
    count = max(han, words)
    phrase = ngettext("%(count)s character", "%(count)s characters", count)
    if words > han:
        phrase = ngettext("%(count)s word", "%(count)s words", count)
    return phrase % {"count": f"{count:,}"}


def excerpt(html: str, limit: int = 110) -> str:
    """The first whole sentences of prose, up to `limit` characters.

    Cut at a clause, with `…`, only if the first sentence alone is longer. Skips lists, quotes, figures, headings,
    footnotes, and all after the last rule (a signature).
    """
    taken = ""
    for sentence in _sentences(html):
        if taken and not ENDS_SENTENCE.search(sentence):  # a fragment is used only alone
            break
        longer = _joined(taken, sentence)
        if len(longer) > limit:
            return taken or _cut(longer, limit)
        taken = longer
        if not ENDS_SENTENCE.search(taken):
            break
    return taken


def first_sentence(words: str) -> str:
    found = SENTENCE.match(words)
    return found[0].strip() if found else words


def first_sentences(words: str, limit: int) -> str:
    """The first sentences of plain text, up to `limit` characters; at least one."""
    taken = first_sentence(words)
    while rest := words.removeprefix(taken).strip():
        longer = words[: words.index(rest, len(taken)) + len(first_sentence(rest))]
        if len(longer) > limit or longer == taken:
            break
        taken = longer
    return taken


def slug_from_title(title: str) -> str:
    """The Latin words of a title, as `deepseek-gpt-4`; "" if there are none.

    Numbers only next to a word: the 4 of 「4 個技巧」 means nothing alone.
    """
    text = nfkd(title)
    text = "".join(c for c in text if not unicodedata.combining(c))
    for name, spelt in SPELT_OUT.items():
        text = re.sub(rf"(?<![\w]){re.escape(name)}(?![\w])", f" {spelt} ", text, flags=re.IGNORECASE | re.ASCII)
    runs = [run for run in WORD_IN_TITLE.findall(text) if re.search("[A-Za-z]", run)]
    words = re.findall(r"[a-z0-9]{1,60}", re.sub("['’]", "", " ".join(runs).lower()))
    while len("-".join(words)) > SLUG_MAX:
        words.pop()
    return "-".join(words)


def _counted_texts(html: str) -> Iterator[str]:
    for text, path in _blocks(html, without=frozenset({"code", "pre", "figcaption"})):
        if "footnote" not in path:
            yield text


def _sentences(html: str) -> Iterator[str]:
    """Skip sentences that end in a colon. If the first one does, yield it with an ellipsis instead of the colon."""
    is_first = True
    for paragraph in _prose(html):
        for match in SENTENCE.finditer(paragraph):
            sentence = match[0].rstrip()
            if not sentence.strip():
                continue
            if not sentence.endswith(("：", ":")):
                yield sentence
            elif is_first:
                yield sentence[:-1] + ("……" if sentence.endswith("：") else "…")
            is_first = False


def _prose(html: str) -> list[str]:
    """Paragraphs before the last rule, or all if there are none."""
    paragraphs: list[str] = []
    before_rule: list[str] = []
    for text, path in _blocks(html):
        if path and path[-1] == "hr":
            before_rule = list(paragraphs)
        elif "p" in path and "footnote" not in path and not NOT_PROSE.intersection(path):
            paragraphs.append(" ".join(text.split()))
    return before_rule or paragraphs


def _joined(left: str, right: str) -> str:
    if not left:
        return right.lstrip()
    if right[0].isspace():
        return left + right
    if re.match(f"[{WIDE}]", right) or re.search(f"[{WIDE}”’]$", left):
        return left + right
    return f"{left} {right}"


def _cut(sentence: str, limit: int) -> str:
    """Cut at the last clause that leaves room for `…`."""
    head = sentence[: limit - 1]
    ends = [match.start() for match in re.finditer(r"[，、；：,;:](?!\d)", head)]
    if ends and ends[-1] >= limit // 3:
        return head[: ends[-1]] + "…"
    if re.match(r"[\w’']", sentence[limit - 1], re.ASCII):  # never in the middle of a Latin word
        head = re.sub(r"[\w’']+$", "", head, flags=re.ASCII) or head
    return CLAUSE_END.sub("", head) + "…"


class _BlockWalker(HTMLParser):
    """Splits HTML into (text, path of open tags) at block boundaries."""

    def __init__(self, without: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.without = without | INVISIBLE_TAGS
        self.path: list[str] = []
        self.buffer: list[str] = []
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if BLOCK.fullmatch(tag):
            self.flush_text()
        if tag == "hr":
            self.found.append(("", (*self.path, "hr")))
        if tag not in VOID_TAGS:
            name = dict(attrs).get("class") or ""
            note_mark = "footnote" if tag == "div" else "footnote-mark"
            is_box = tag == "div" and name.startswith("callout")
            self.path.append("callout" if is_box else note_mark if name.startswith("footnote") else tag)

    def handle_endtag(self, tag: str) -> None:
        if BLOCK.fullmatch(tag):
            self.flush_text()
        names = {tag, "footnote", "callout"} if tag == "div" else {tag}
        names |= {"footnote-mark"} if tag in {"a", "span"} else set()
        for index in range(len(self.path) - 1, -1, -1):
            if self.path[index] in names:
                del self.path[index:]
                break

    def handle_data(self, data: str) -> None:
        if not self.without.intersection(self.path) and "footnote-mark" not in self.path:
            self.buffer.append(data)

    def flush_text(self) -> None:
        text = "".join(self.buffer).strip()
        self.buffer.clear()
        if text:
            self.found.append((text, tuple(self.path)))


def _blocks(html: str, *, without: frozenset[str] = frozenset()) -> list[tuple[str, tuple[str, ...]]]:
    walker = _BlockWalker(without)
    walker.feed(html)
    walker.close()
    walker.flush_text()
    return walker.found
