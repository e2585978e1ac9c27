"""Convert the HTML of a mail to plain text with the same words and links. Pure.

A paragraph is one line: the mail's encoding keeps lines short on the wire, and each client wraps to its own width.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import zip_longest

from django.utils.translation import gettext as _

from newsletter.mail.spacing import INLINE_TAGS

TABLE_WIDTH_MAX = 72  # columns; a Chinese character takes two
WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"


def tidy(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def display_width(text: str) -> int:
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 or char in "\u200b\u200d\ufe0f" for char in text)


def aligned_table(rows: list[list[str]], *, headed: bool) -> str:
    """Aligned columns; if too wide, `heading：cell` lines with a blank line between rows."""
    if not rows:
        return ""
    columns = max(map(len, rows))
    widths = [max(display_width(row[column]) for row in rows if column < len(row)) for column in range(columns)]
    if sum(widths) + 3 * (columns - 1) > TABLE_WIDTH_MAX:
        return _table_as_list(rows, headed=headed)
    lines = [
        "   ".join(cell + " " * (widths[at] - display_width(cell)) for at, cell in enumerate(row)).rstrip()
        for row in rows
    ]
    if headed:
        lines.insert(1, "   ".join("-" * size for size in widths))
    return "\n".join(lines)


def _table_as_list(rows: list[list[str]], *, headed: bool) -> str:
    heads, body = (rows[0], rows[1:]) if headed else ([], rows)
    pairs = (zip_longest(heads[: len(row)], row) for row in body)
    return "\n\n".join("\n".join(f"{head}：{cell}" if head else str(cell) for head, cell in row) for row in pairs)


BETWEEN_HAN = re.compile(rf"(?<=[{WIDE}])[ \t]*\n\s*(?=[{WIDE}])")

LINK_MARK, BREAK_MARK = "\x00", "\x01"  # internal marks: a URL stands between two LINKs

SKIPPED_TAGS = {"head", "style", "script", "title", "template"}
VOID_TAGS = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SEPARATED_TAGS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "figure", "dl", "table"}
FOOTNOTE_MARK = re.compile(r"\[(\d+)\]")  # a footnote; links have such numbers too
BLOCK_TAGS = SEPARATED_TAGS | {"div", "section", "article", "header", "footer", "main", "tr", "td", "th", "li", "dt"}
BLOCK_TAGS |= {"dd", "figcaption"}
HEADING_MARKS = {"h1": "■ ", "h2": "◆ ", "h3": "◇ ", "h4": "◇ "}
# Inline elements whose title attribute is appended to their text.
TITLED_TAGS = INLINE_TAGS - {"a", "font", "tt", "wbr"} | {"sub", "sup"}
RULE = "─" * 6


def text_from_html(html: str) -> str:
    """Convert an HTML mail; the text ends in one newline.

    In a block of links alone each is followed by its URL; other links get a number, and the URLs are listed at the end,
    each once. Omitted: URLs of links with class "words-only", hidden elements, and class "html-only".
    """
    extractor = _TextExtractor()
    extractor.feed(html)
    extractor.close()
    return extractor.text()


@dataclass
class _List:
    ordered: bool
    number: int


@dataclass
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    headed: bool = False


class _TextExtractor(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self.texts: list[str] = []  # of the current block
        self.hrefs: list[tuple[str, str, int]] = []  # open links: URL, title, start in `texts`
        self.link_numbers: dict[str, int | None] = {}  # URL: its number in the list, None if shown in the text
        self.links: list[tuple[str, str]] = []  # of the block: text, URL
        self.titles: list[tuple[str, str]] = []  # of open elements in TITLED
        self.hidden_tags: list[str] = []  # open elements, from a hidden one on
        self.lists: list[_List] = []
        self.sup_start = 0  # start of the open <sup> in `texts`
        self.quotes = 0
        self.pre = 0
        self.tables: list[_Table | None] = []  # None: a layout table
        self.bullet = ""
        self.needs_blank_line = True  # before the next block

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if self.hidden_tags or tag in SKIPPED_TAGS or _is_hidden(attributes):
            if tag not in VOID_TAGS:
                self.hidden_tags.append(tag)
            return
        if tag in BLOCK_TAGS and not self._in_cell(tag):
            self._flush()
            self.needs_blank_line |= tag in SEPARATED_TAGS and not (tag in {"ul", "ol", "p"} and self.lists)
        if tag in TITLED_TAGS:
            self.titles.append((tag, _collapsed(attributes.get("title", ""))))
        opener = getattr(self, f"_open_{tag}", None)
        if opener:
            opener(attributes)

    def handle_endtag(self, tag: str) -> None:
        if self.hidden_tags:
            if tag in self.hidden_tags:
                while self.hidden_tags.pop() != tag:
                    pass
            return
        if tag in TITLED_TAGS:
            self._append_title(tag)
        closer = getattr(self, f"_close_{tag}", None)
        if closer:
            closer()
        elif tag in BLOCK_TAGS and not self._in_cell(tag):
            self._flush(HEADING_MARKS.get(tag, ""))
            self.needs_blank_line |= tag in SEPARATED_TAGS and not (tag == "p" and self.lists)

    def handle_data(self, data: str) -> None:
        if not self.hidden_tags:
            self.texts.append(data.replace(LINK_MARK, "").replace(BREAK_MARK, ""))

    def _append_title(self, tag: str) -> None:
        while self.titles:
            name, title = self.titles.pop()
            if title and not self.pre:
                self.texts.append(f"（{title}）")
            if name == tag:
                return

    def _open_a(self, given: dict[str, str]) -> None:
        is_text_only = "words-only" in given.get("class", "").split()
        href = "" if is_text_only else given.get("href", "").strip()
        self.hrefs.append((href, given.get("title", "").strip(), len(self.texts)))

    def _close_a(self) -> None:
        if not self.hrefs:
            return
        href, title, start = self.hrefs.pop()
        text = _collapsed("".join(self.texts[start:]))
        if not href or href.startswith(("#", "mailto:?")):  # without an addressee: a share button
            return
        if text in {href, href.partition("://")[2], href.removeprefix("mailto:")}:
            # A space ends the URL: many clients would include full-width punctuation.
            self.texts[start:] = [f"{href} " if "://" in href else text]
            self.link_numbers.setdefault(href, None)
            return
        suffix = f"（{title}）" if title else ""
        self.links.append((f"{text}{suffix}", href))
        self.texts.append(f"{suffix}{LINK_MARK}{href}{LINK_MARK}")  # replaced at the end of the block

    def _open_sup(self, given: dict[str, str]) -> None:
        self.sup_start = len(self.texts)

    def _close_sup(self) -> None:
        self.texts[self.sup_start :] = [FOOTNOTE_MARK.sub(r"［註 \1］", "".join(self.texts[self.sup_start :]))]

    def _open_img(self, given: dict[str, str]) -> None:
        alt, title = _collapsed(given.get("alt", "")), _collapsed(given.get("title", ""))
        if title and title != alt:
            alt = f"{alt}（{title}）" if alt else title
        if alt:
            self.texts.append(_("[Picture: %(alt)s]") % {"alt": alt})

    def _open_br(self, given: dict[str, str]) -> None:
        self.texts.append("\n" if self.pre else BREAK_MARK)

    def _open_hr(self, given: dict[str, str]) -> None:
        self._flush()
        self.needs_blank_line = True
        self._put(RULE)
        self.needs_blank_line = True

    def _open_ul(self, given: dict[str, str]) -> None:
        self.lists.append(_List(ordered=False, number=0))

    def _open_ol(self, given: dict[str, str]) -> None:
        start = given.get("start", "1")
        self.lists.append(_List(ordered=True, number=int(start) if start.isdecimal() else 1))

    def _close_ul(self) -> None:
        self._flush()
        if self.lists:
            self.lists.pop()
        self.needs_blank_line |= not self.lists

    _close_ol = _close_ul

    def _open_li(self, given: dict[str, str]) -> None:
        if not self.lists:
            self.lists.append(_List(ordered=False, number=0))
        here = self.lists[-1]
        self.bullet = f"{here.number}. " if here.ordered else "• "
        here.number += 1
        self.needs_blank_line &= here.number <= 1 + here.ordered

    def _open_blockquote(self, given: dict[str, str]) -> None:
        self.quotes += 1

    def _close_blockquote(self) -> None:
        self._flush()
        self.quotes = max(self.quotes - 1, 0)
        self.needs_blank_line = True

    def _open_pre(self, given: dict[str, str]) -> None:
        self.pre += 1

    def _close_pre(self) -> None:
        self._flush()
        self.pre = max(self.pre - 1, 0)
        self.needs_blank_line = True

    def _in_cell(self, tag: str) -> bool:
        return bool(self.tables and self.tables[-1]) and tag != "table"

    def _open_table(self, given: dict[str, str]) -> None:
        self.tables.append(None if given.get("role") in {"presentation", "none"} else _Table())

    def _open_tr(self, given: dict[str, str]) -> None:
        if self.tables and (data := self.tables[-1]):
            self._flush()  # a caption
            data.rows.append([])

    def _open_th(self, given: dict[str, str]) -> None:
        if self.tables and (data := self.tables[-1]):
            data.headed = data.headed or len(data.rows) == 1

    def _close_td(self) -> None:
        data = self.tables[-1] if self.tables else None
        if data is None:
            self._flush()
        elif data.rows:
            data.rows[-1].append(self._take_text())

    _close_th = _close_td

    def _close_table(self) -> None:
        data = self.tables.pop() if self.tables else None
        self._flush()
        if data is not None:
            rows = [[cell.replace(BREAK_MARK, " ") for cell in row] for row in data.rows if row]
            self._put(aligned_table(rows, headed=data.headed))
        self.needs_blank_line = True

    def _take_text(self) -> str:
        text = _collapsed("".join(self.texts))
        self.texts.clear()
        self.links.clear()
        return re.sub(f"{LINK_MARK}(.*?){LINK_MARK}", lambda match: self._number(match[1]), text)

    def _number(self, href: str) -> str:
        if href not in self.link_numbers:
            self.link_numbers[href] = 1 + sum(number is not None for number in self.link_numbers.values())
        number = self.link_numbers[href]
        return f"[{number}]" if number else ""

    def _flush(self, mark: str = "") -> None:
        if self.pre:
            return self._flush_code()
        addresses = self._lone_addresses()
        if text := self._take_text():
            first, rest = self._prefixes()
            lines = [rest + line.strip() for line in addresses or text.split(BREAK_MARK)]
            lines[0] = first + mark + lines[0].removeprefix(rest)
            self._put("\n".join(lines))
        return None

    def _flush_code(self) -> None:
        code = "".join(self.texts).strip("\n").expandtabs(4)
        self.texts.clear()
        if code.strip():
            _first, rest = self._prefixes()
            self._put("\n".join(f"{rest}    {line}".rstrip() for line in code.splitlines()))

    def _lone_addresses(self) -> list[str]:
        """Each link's text and URL, on lines of their own, if the block has nothing else and its URLs are new."""
        whole = _collapsed("".join(self.texts))
        fresh = {href for _words, href in self.links} - self.link_numbers.keys()
        for text, href in self.links:
            whole = whole.replace(f"{text}{LINK_MARK}{href}{LINK_MARK}", "", 1)
        if whole.strip(" ·") or len(fresh) < len(self.links):
            return []
        self.link_numbers |= dict.fromkeys(fresh)
        return [line for link in self.links for line in link]

    def _prefixes(self) -> tuple[str, str]:
        """Prefixes of the first and the other lines of a block; consumes the bullet."""
        outer = "> " * self.quotes + "  " * max(len(self.lists) - 1, 0)
        bullet, self.bullet = self.bullet, ""
        if not self.lists:
            return outer, outer
        indent = outer + " " * (len(bullet) if bullet else 2)
        return (outer + bullet if bullet else indent), indent

    def _put(self, block: str) -> None:
        gap = "\n\n" if self.needs_blank_line else "\n"
        self.blocks.append(gap + block)
        self.needs_blank_line = False

    def text(self) -> str:
        """The whole text; call once, at the end."""
        self._flush()
        numbered = [f"[{number}] {href}" for href, number in self.link_numbers.items() if number]
        if numbered:
            self.needs_blank_line = True
            self._put("\n".join([RULE, *numbered]))
        return "".join(self.blocks).strip("\n") + "\n"


def _collapsed(text: str) -> str:
    """Collapse white space as browsers do, but without a space between two Chinese lines."""
    joined = re.sub(r"[ \t\r\n\f]+", " ", BETWEEN_HAN.sub("", text))
    return joined.replace("\xa0", " ").strip()


def _is_hidden(given: dict[str, str]) -> bool:
    style = given.get("style", "").replace(" ", "").lower()
    is_html_only = "html-only" in given.get("class", "").split()
    return "hidden" in given or is_html_only or given.get("aria-hidden") == "true" or "display:none" in style
