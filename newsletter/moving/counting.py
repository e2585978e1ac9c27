"""Counts words, links, pictures and marks in raw HTML or Markdown. Pure.

It shares nothing with the converters, so that what these swallow is missing in their counts and not in its own.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

from newsletter.posts.text.prose import HAN

# In the order of the report.
COUNT_NAMES = (
    *("words", "han", "links", "pictures", "alt texts", "bold runs", "emphasis", "headings", "lists", "tables"),
    *("code blocks", "code in lines", "footnotes", "embeds"),
)
_WORD = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
_HAN = re.compile(f"[{HAN}]")
_NUMBER = re.compile(r"\d{1,3}")  # of a note or an item, which is counted anew
_ADDRESS = re.compile(r"(?:https?:)?//[!-;=?-~]+")
_FILM = re.compile(
    r"https?://(?:[\w-]+\.)?(?:youtube\.com/(?:watch|embed|v|shorts|live)\b|youtu\.be/|vimeo\.com/\d)\S*"
)
_NOTE_MARK = re.compile(r"\[?(?:\d{1,3}|[*†‡]|註\d{0,3})\]?")  # what leads to a note, and in some texts back
_ARROW = re.compile(r"[\s↩↑⏎^⤴↵\ufe0e\ufe0f]*")


@dataclass(frozen=True)
class Counts:
    """words: each word and each Han character, as often as it occurs; elements: by COUNT_NAMES."""

    words: Counter[str] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)

    @property
    def numbers(self) -> dict[str, int]:
        han = sum(count for word, count in self.words.items() if _HAN.match(word))
        words = {"words": sum(self.words.values()) - han, "han": han}
        return {name: words.get(name, self.elements[name]) for name in COUNT_NAMES}


def count_changes(before: Counts, after: Counts) -> Mapping[str, int]:
    """Changes by COUNT_NAMES, positive for more; equal counts are left out."""
    new, old = after.numbers, before.numbers
    return {name: new[name] - old[name] for name in COUNT_NAMES if new[name] != old[name]}


def count_words(text: str) -> Counter[str]:
    """The words of plain text; addresses and short numbers are none."""
    found = (word.lower() for word in _WORD.findall(_ADDRESS.sub(" ", text)))
    return Counter(word for word in found if not _NUMBER.fullmatch(word))


def count_html(html: str) -> Counts:
    """Count a page of the web or of our own renderer."""
    end = html.rfind("<!--")
    if end >= 0 and "-->" not in html[end:]:  # a comment that never ends would hide the rest
        html = f"{html[:end]} {html[end + 4 :]}"
    counter = _ElementCounter()
    counter.feed(_PLUG_IN_CODE.sub(_escaped_code, html))
    counter.close()
    return counter.counts()


# Code that a plug-in of WordPress escapes only on its page.
_PLUG_IN_CODE = re.compile(
    r"(?P<pre><pre\b[^<>]*\slang=(?![\"']?(?:en|zh|ja)\b)[^<>]*>)(?P<code>(?:(?!<pre\b).)*?)(?=</pre)"
    r"|\[(?P<name>code|sourcecode|source|php|js|css|html|python|bash|plain)\b[^\]]*\](?P<inner>(?:(?!\[(?P=name)\b).)*?)\[/(?P=name)\]",
    re.DOTALL | re.IGNORECASE,
)
# What WordPress shows something else for; other words in brackets are words.
_SHORT_CODES = re.compile(
    r"\[/?(?:caption|gallery|embed|youtube|vimeo|video|audio|footnote|efn_note|ref|fn|mfn|modern_footnote)\b[^\[\]]*\]"
)


def _escaped_code(found: re.Match[str]) -> str:
    code = found["code"] or found["inner"] or ""
    code = code if "&lt;" in code else escape(code, quote=False)
    return f"{found['pre']}{code}" if found["pre"] else f"<pre>{code}</pre>"


# What browsers show nothing of, or not as words; and what our renderer adds by itself.
_INVISIBLE = {
    *("script", "style", "noscript", "template", "svg", "math", "canvas", "textarea", "select", "title", "head"),
    *("video", "audio", "iframe"),
}
_ADDED_BY_RENDERER = {("details", "embed"), ("a", "embed"), ("div", "toc")}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "image", "input", "link", "meta", "param", "source", "wbr"}
_WITHIN_WORDS = {
    *("a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "label"),
    *("mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "time", "tt", "u", "var", "wbr"),
}
_BOLD = re.compile(r"font-weight:\s*(?:bold|[6-9]00)")
_NORMAL = re.compile(r"font-weight:\s*(?:normal|400)")
_SLANTED = re.compile(r"font-style:\s*italic")


class _ElementCounter(HTMLParser):
    """Counts while the text goes by. A run is what is marked without a break in one paragraph."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.elements: Counter[str] = Counter()
        self.marks: dict[str, list[frozenset[str]]] = {}  # of the open elements, by name
        self.open: Counter[str] = Counter()
        self.links: list[str] = []
        self.run: dict[str, str] = {}  # marks of the words just before, in this paragraph
        self.invisible: tuple[str, int] | None = None  # the element of which nothing is seen, and how often it is open
        self.hidden: list[str] = []
        self.headed = self.is_after_break = False
        self.ids: set[str] = set()
        self.notes: set[str] = set()
        self.items: list[bool] = []  # of each open item, whether it is a note
        self.link_text = ""

    def counts(self) -> Counts:
        if self.invisible:  # it never ended
            self.pieces += self.hidden
        self.elements["footnotes"] += len(self.notes)
        return Counts(count_words("".join(self.pieces)), +self.elements)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.invisible:
            name, depth = self.invisible
            self.invisible = (name, depth + (tag == name))
            return
        given = {name: value or "" for name, value in attrs}
        classes = given.get("class", "").split()
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        self._break_words(tag)
        self.is_after_break = tag == "br"
        self._count_element(tag, given, classes)
        if tag in _INVISIBLE or any((tag, name) in _ADDED_BY_RENDERER for name in classes):
            self.invisible, self.hidden = (tag, 1), []
        elif tag not in _VOID:
            self.open[tag] += 1
            self.marks.setdefault(tag, []).append(_marks(tag, given.get("style", "")))

    def _count_element(self, tag: str, given: dict[str, str], classes: list[str]) -> None:
        if tag in {"video", "audio", "iframe", "embed", "object"} or (tag in {"a", "details"} and "embed" in classes):
            self.elements["embeds"] += not self.open["object"] and (tag != "iframe" or bool(given.get("src")))
        elif tag in {"img", "image"} and (given.get("src") or given.get("data-src")):
            self.elements["pictures"] += 1
            self.elements["alt texts"] += bool(given.get("alt", "").strip())
            self._link_is_seen()
        elif tag == "a":
            self.links.append(given.get("href", "").strip())
            self.link_text = ""
        elif tag == "li":
            self.items.append(False)
        elif tag == "table":
            self.elements["tables"] += not self.open["table"]
        elif tag == "pre":
            self.elements["code blocks"] += not self.open["pre"]
        elif re.fullmatch("h[1-6]", tag):
            self.headed = False

    def handle_endtag(self, tag: str) -> None:
        if self.invisible:
            name, depth = self.invisible
            self.invisible = (name, depth - (tag == name)) if depth > (tag == name) else None
            return
        if tag in _VOID or not self.open[tag]:
            return
        self._break_words(tag)
        self.open[tag] -= 1
        self.marks[tag].pop()
        if tag == "a" and self.links:
            self._note(self.links.pop())
        if tag == "li" and self.items:
            self.elements["lists"] += not self.items.pop()

    def _break_words(self, tag: str) -> None:
        if tag not in _WITHIN_WORDS:
            self.pieces.append(" ")
            if tag not in {"br", "img", "image", "sup"}:
                self.run = {}

    def _note(self, href: str) -> None:
        """Count a number that leads on to a note; an item that leads back is a note and no item of a list."""
        text = self.link_text.strip()
        if not href.startswith("#") or not (_NOTE_MARK.fullmatch(text) or _ARROW.fullmatch(text)):
            return
        if href[1:] not in self.ids and _NOTE_MARK.fullmatch(text):
            self.notes.add(href[1:])
        elif href[1:] in self.ids and self.items:
            self.items[-1] = True

    def handle_data(self, data: str) -> None:
        if self.invisible:
            self.hidden.append(data)
            return
        data = _SHORT_CODES.sub(lambda found: f" {_words_within(found[0])} ", data)
        self.pieces.append(data)
        if not data.strip():
            return
        self.link_text += data
        self._runs()
        if not self.links and not self.open["pre"] and not self.open["code"]:
            self._addresses(data)

    def _runs(self) -> None:
        marked = frozenset[str]().union(*(mark for open_ in self.marks.values() for mark in open_))
        for mark in ("bold runs", "emphasis", "code in lines"):
            is_marked = mark in marked and not (mark == "code in lines" and self.open["pre"])
            self.elements[mark] += is_marked and mark not in self.run
            self.run.pop(mark, None)
            self.run |= {mark: mark} if is_marked else {}
        if not self.headed and any(self.open[f"h{level}"] for level in range(1, 7)):
            self.headed = True
            self.elements["headings"] += 1
        self._link_is_seen()

    def _link_is_seen(self) -> None:
        href = self.links[-1] if self.links else ""
        if href and not href.startswith("#"):
            self.elements["links"] += self.run.get("link") != href
            self.run["link"] = href
        else:
            self.run.pop("link", None)

    def _addresses(self, data: str) -> None:
        """Count addresses in words as links; that of a film which is a paragraph of its own is the film."""
        alone = set() if self.is_after_break else {part.strip() for part in re.split(r"\n[ \t]*\n", data)}
        for found in re.finditer(r"https?://[!-;=?-~]+", data):
            is_film = found[0] in alone and _FILM.fullmatch(found[0])
            self.elements["embeds" if is_film else "links"] += 1


def _marks(tag: str, style: str) -> frozenset[str]:
    is_bold = (tag in {"b", "strong"} and not _NORMAL.search(style)) or (tag == "span" and _BOLD.search(style))
    is_slanted = tag in {"em", "i"} or (tag == "span" and _SLANTED.search(style))
    marks = {"bold runs": is_bold, "emphasis": is_slanted, "code in lines": tag in {"code", "tt"}}
    return frozenset(name for name, is_there in marks.items() if is_there)


_HIDDEN = re.compile(r"<!--(?:(?!<!--).)*?-->|%%.{1,4000}?%%|\{::comment\}.{0,4000}?\{:/(?:comment)?\}", re.DOTALL)
_FENCE = re.compile(
    r"^[ \t>]*(?P<fence>```+|~~~+)[^\n]*\n(?P<code>.*?)(?:^[ \t>]*(?P=fence)[^\n]*$|\Z)", re.DOTALL | re.MULTILINE
)
_CODE = re.compile(r"(?<!`)(?P<ticks>`++)(?P<code>[^\n](?:(?!\n[ \t]*\n).)*?)(?<!`)(?P=ticks)(?!`)", re.DOTALL)
_SHORT_CODE = re.compile(r"\{\{[<%](?:(?!\{\{[<%]).)*?[>%]\}\}|\{%(?:(?!\{%).)*?%\}", re.DOTALL)
_QUOTED = re.compile(r"(?<![\w-])(?:(?P<key>[\w-]+)\s*[=:]\s*)?\"(?P<words>[^\"]*)\"")
_KEYS_WITHOUT_WORDS = {"src", "alt", "href", "link", "url", "class", "id", "style", "width", "height", "attrlink"}
# One mark after the other becomes the element that it stands for; what is left is words.
_ELEMENTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE), element)
    for pattern, element in (
        (r"\{:[^{}\n]*\}|(?<=[\s)])\{[.#][^{}\n]*\}|\{::[^}\n]*\}|\{:/\w*\}", ""),
        (r"^[ \t]*\[\[?_?toc_?\]?\][ \t]*$|(?:[ \t]+|^)\^[A-Za-z0-9-]+[ \t]*$", ""),
        (r"^[ \t]*\[\^[^\]\n]+\]:", ' <a href="#back">↩</a>'),
        (r"^ {0,3}\[[^\]\n]+\]:[ \t]*<?\S+>?[^\n]*$", ""),
        (r"!\[\[([^\]|\n]+\.(?:png|jpe?g|gif|webp|avif|svg|bmp))(?:\|[^\]\n]*)?\]\]", '<img src="x">'),
        (r"!?\[\[(?:[^\]|\n]{1,1000}\|)?([^\]|\n]{1,1000})\]\]", r'<a href="x">\1</a>'),
        (
            r"!\[((?:\\.|[^\]\\]){0,1000})\]\((?:<[^>\n]*>|(?:[^()\s]|\([^()\s]*\))*)[^)\n]{0,1000}\)",
            r'<img src="x" alt="\1">',
        ),
        (r"!\[([^\]\n]{0,1000})\]\[[^\]\n]*\]", r'<img src="x" alt="\1">'),
        (r"\[\^([^\]\s]+)\]", r' <a href="#fn-\1">1</a>'),
        (r"\^\[", ' <a href="#fn-inline">1</a> '),
        (
            r"\[((?:\\.|[^\]\[\\]|\[[^\]\[]*\])*)\]\((?:<([^>\n]*)>|((?:[^()\s]|\([^()\s]*\))*))[^)\n]{0,1000}\)",
            r'<a href="\2\3">\1</a>',
        ),
        (r"<(https?://[^\s<>]+)>", r"\1"),
        (r"^[ \t>]*\[!\w+\][-+]?", " "),
        (r"^[ \t]*(?:!!!|\?\?\?\+?)[ \t]+[\w-]+", " "),
        (r"^[ \t>]*#{1,6}[ \t]+([^\n]+)$", r"<h2>\1</h2>"),
        (r"^(?=[^\n]*\S)([^\n]+)\n[ \t]*(?:={3,}|-{3,})[ \t]*$", r"<h2>\1</h2>"),
        (r"^[ \t>]*(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t])?", r"<li></li>"),
        (r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$", r"<table></table>"),
        (r"\*\*(?=\S)((?:(?!\*\*).)+?)(?<=\S)\*\*|(?<!\w)__(?=\S)((?:(?!__).)+?)(?<=\S)__(?!\w)", r"<b>\1\2</b>"),
        (
            r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?!\*)|(?<![\w_])_(?=[^\s_])([^_\n]+?)(?<=[^\s_])_(?!\w)",
            r"<i>\1\2</i>",
        ),
        (r"\n[ \t>]*\n", "<p>"),
    )
)


def count_markdown(text: str) -> Counts:
    """Count Markdown with the marks of other programs."""
    code: list[str] = []

    def hide(element: str) -> str:
        code.append(element)
        return f"\0{len(code) - 1}\0"

    text = _FENCE.sub(lambda found: hide(f"<pre>{escape(found['code'])}</pre>"), text)
    text = _CODE.sub(lambda found: hide(f"<code>{escape(found['code'])}</code>"), text)
    text = re.sub(r"\\([!-/:;=-@\[-`{-~])", lambda found: hide(escape(found[1])), text)
    text = _SHORT_CODE.sub(lambda found: f" {_words_within(found[0])} ", _HIDDEN.sub("", text))
    for pattern, element in _ELEMENTS:
        text = pattern.sub(element, text)
    while "\0" in text:
        text = re.sub(r"\0(\d+)\0", lambda found: code[int(found[1])], text)
    return count_html(text)


def _words_within(mark: str) -> str:
    """Words that a short code shows: quoted ones, and all Han."""
    given = ((found["key"] or "", found["words"]) for found in _QUOTED.finditer(mark))
    words = [words for key, words in given if key.lower() not in _KEYS_WITHOUT_WORDS]
    shown = [one for one in words if _HAN.search(one) or (" " in one.strip() and "/" not in one)]
    is_picture = re.search(r"\.(?:png|jpe?g|gif|webp|avif|svg)\b", mark)  # then bare words are what it shows
    return escape(" ".join([*shown, *([] if is_picture else _HAN.findall(_QUOTED.sub(" ", mark)))]))
