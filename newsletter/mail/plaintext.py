"""Convert the HTML of a mail to plain text with the same words and links. Pure.

A paragraph is one line: the mail's encoding keeps lines short on the wire, and each client wraps to its own width.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.utils.translation import gettext as _

TABLE_COLUMNS = 72  # a Chinese character takes two
WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"


def tidy(text: str) -> str:
    """Collapse the blank lines of a text template's output."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def width(text: str) -> int:
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 or char in "\u200b\u200d\ufe0f" for char in text)


def table(rows: list[list[str]], *, headed: bool) -> str:
    """Aligned columns; if too wide, `heading：cell` lines with a blank line between rows."""
    if not rows:
        return ""
    columns = max(map(len, rows))
    widths = [max(width(row[column]) for row in rows if column < len(row)) for column in range(columns)]
    if sum(widths) + 3 * (columns - 1) > TABLE_COLUMNS:
        return _listed(rows, headed=headed)
    lines = ["   ".join(_padded(cell, widths[at]) for at, cell in enumerate(row)).rstrip() for row in rows]
    if headed:
        lines.insert(1, "   ".join("-" * size for size in widths))
    return "\n".join(lines)


def _listed(rows: list[list[str]], *, headed: bool) -> str:
    heads, body = (rows[0], rows[1:]) if headed else ([], rows)
    blocks = []
    for row in body:
        cells = [f"{heads[at]}：{cell}" if at < len(heads) and heads[at] else cell for at, cell in enumerate(row)]
        blocks.append("\n".join(cells))
    return "\n\n".join(blocks)


def _padded(cell: str, columns: int) -> str:
    return cell + " " * (columns - width(cell))


BETWEEN_HAN = re.compile(rf"(?<=[{WIDE}])[ \t]*\n\s*(?=[{WIDE}])")

LINK, BREAK = "\x00", "\x01"  # internal marks: a URL stands between two LINKs

SILENT = {"head", "style", "script", "title", "template"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
APART = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "figure", "dl", "table"}
NOTE = re.compile(r"\[(\d+)\]")  # a footnote; links have such numbers too
BREAKING = APART | {"div", "section", "article", "header", "footer", "main", "tr", "td", "th", "li", "dt", "dd"}
BREAKING |= {"figcaption"}
MARKS = {"h1": "■ ", "h2": "◆ ", "h3": "◇ ", "h4": "◇ "}  # of headings
# Inline elements whose title attribute is appended to their text.
TITLED = frozenset(
    {"abbr", "b", "bdi", "bdo", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q", "s"}
) | {"samp", "small", "span", "strong", "sub", "sup", "u", "var"}
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
        self.run: list[str] = []  # text of the current block
        self.hrefs: list[tuple[str, str, int]] = []  # open links: URL, title, start in `run`
        self.shown: dict[str, int | None] = {}  # URL: its number in the list, None if shown in the text
        self.links: list[tuple[str, str]] = []  # of the block: text, URL
        self.titles: list[tuple[str, str]] = []  # of open elements in TITLED
        self.silent: list[str] = []  # open elements, from a hidden one on
        self.lists: list[_List] = []
        self.raised = 0  # start of the open <sup> in `run`
        self.quotes = 0
        self.pre = 0
        self.tables: list[_Table | None] = []  # None: a layout table
        self.bullet = ""
        self.apart = True  # a blank line is due before the next block

    # --- HTMLParser ---

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self.silent or tag in SILENT or _is_hidden(given):
            if tag not in VOID:
                self.silent.append(tag)
            return
        if tag in BREAKING and not self._in_cell(tag):
            self._flush()
            self.apart = self.apart or (tag in APART and not (tag in {"ul", "ol", "p"} and self.lists))
        if tag in TITLED:
            self.titles.append((tag, _collapsed(given.get("title", ""))))
        opener = getattr(self, f"_open_{tag}", None)
        if opener:
            opener(given)

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if tag in self.silent:
                while self.silent.pop() != tag:
                    pass
            return
        if tag in TITLED:
            self._append_title(tag)
        closer = getattr(self, f"_close_{tag}", None)
        if closer:
            closer()
        elif tag in BREAKING and not self._in_cell(tag):
            self._flush(MARKS.get(tag, ""))
            self.apart = self.apart or (tag in APART and not (tag == "p" and self.lists))

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.run.append(data.replace(LINK, "").replace(BREAK, ""))

    # --- links and pictures ---

    def _append_title(self, tag: str) -> None:
        """Append the title attribute, as of an abbreviation."""
        while self.titles:
            name, title = self.titles.pop()
            if title and not self.pre:
                self.run.append(f"（{title}）")
            if name == tag:
                return

    def _open_a(self, given: dict[str, str]) -> None:
        is_text_only = "words-only" in given.get("class", "").split()
        href = "" if is_text_only else given.get("href", "").strip()
        self.hrefs.append((href, given.get("title", "").strip(), len(self.run)))

    def _close_a(self) -> None:
        if not self.hrefs:
            return
        href, title, start = self.hrefs.pop()
        words = _collapsed("".join(self.run[start:]))
        if not href or href.startswith(("#", "mailto:?")):  # without an addressee: a share button
            return
        if words in {href, href.partition("://")[2], href.removeprefix("mailto:")}:
            # A space ends the URL: many clients would include full-width punctuation.
            self.run[start:] = [f"{href} " if "://" in href else words]
            self.shown.setdefault(href, None)
            return
        suffix = f"（{title}）" if title else ""
        self.links.append((f"{words}{suffix}", href))
        self.run.append(f"{suffix}{LINK}{href}{LINK}")  # replaced at the end of the block

    def _open_sup(self, given: dict[str, str]) -> None:
        self.raised = len(self.run)

    def _close_sup(self) -> None:
        self.run[self.raised :] = [NOTE.sub(r"［註 \1］", "".join(self.run[self.raised :]))]

    def _open_img(self, given: dict[str, str]) -> None:
        alt, title = _collapsed(given.get("alt", "")), _collapsed(given.get("title", ""))
        if title and title != alt:
            alt = f"{alt}（{title}）" if alt else title
        if alt:
            self.run.append(_("[Picture: %(alt)s]") % {"alt": alt})

    def _open_br(self, given: dict[str, str]) -> None:
        self.run.append("\n" if self.pre else BREAK)

    def _open_hr(self, given: dict[str, str]) -> None:
        self._flush()
        self.apart = True
        self._put(RULE)
        self.apart = True

    # --- lists, quotations, code ---

    def _open_ul(self, given: dict[str, str]) -> None:
        self.lists.append(_List(ordered=False, number=0))

    def _open_ol(self, given: dict[str, str]) -> None:
        start = given.get("start", "1")
        self.lists.append(_List(ordered=True, number=int(start) if start.isdecimal() else 1))

    def _close_ul(self) -> None:
        self._flush()
        if self.lists:
            self.lists.pop()
        self.apart = self.apart or not self.lists

    _close_ol = _close_ul

    def _open_li(self, given: dict[str, str]) -> None:
        if not self.lists:
            self.lists.append(_List(ordered=False, number=0))
        here = self.lists[-1]
        self.bullet = f"{here.number}. " if here.ordered else "• "
        here.number += 1
        self.apart = self.apart and here.number <= 1 + here.ordered

    def _open_blockquote(self, given: dict[str, str]) -> None:
        self.quotes += 1

    def _close_blockquote(self) -> None:
        self._flush()
        self.quotes = max(self.quotes - 1, 0)
        self.apart = True

    def _open_pre(self, given: dict[str, str]) -> None:
        self.pre += 1

    def _close_pre(self) -> None:
        self._flush()
        self.pre = max(self.pre - 1, 0)
        self.apart = True

    # --- tables ---

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
            data.rows[-1].append(self._words())

    _close_th = _close_td

    def _close_table(self) -> None:
        data = self.tables.pop() if self.tables else None
        self._flush()
        if data is not None:
            self._put(
                table([[cell.replace(BREAK, " ") for cell in row] for row in data.rows if row], headed=data.headed)
            )
        self.apart = True

    # --- output ---

    def _words(self) -> str:
        """Text since the last block, with link numbers."""
        words = _collapsed("".join(self.run))
        self.run.clear()
        self.links.clear()
        return re.sub(f"{LINK}(.*?){LINK}", lambda match: self._number(match[1]), words)

    def _number(self, href: str) -> str:
        if href not in self.shown:
            self.shown[href] = 1 + sum(number is not None for number in self.shown.values())
        number = self.shown[href]
        return f"[{number}]" if number else ""

    def _flush(self, mark: str = "") -> None:
        if self.pre:
            return self._flush_code()
        addresses = self._lone_addresses()
        if words := self._words():
            first, rest = self._prefixes()
            lines = [rest + line.strip() for line in addresses or words.split(BREAK)]
            lines[0] = first + mark + lines[0].removeprefix(rest)
            self._put("\n".join(lines))
        return None

    def _flush_code(self) -> None:
        code = "".join(self.run).strip("\n").expandtabs(4)
        self.run.clear()
        if code.strip():
            _first, rest = self._prefixes()
            self._put("\n".join(f"{rest}    {line}".rstrip() for line in code.splitlines()))

    def _lone_addresses(self) -> list[str]:
        """Each link's words and URL, on lines of their own, if the block has nothing else and its URLs are new."""
        whole, fresh = _collapsed("".join(self.run)), {href for _words, href in self.links} - self.shown.keys()
        for words, href in self.links:
            whole = whole.replace(f"{words}{LINK}{href}{LINK}", "", 1)
        if whole.strip(" ·") or len(fresh) < len(self.links):
            return []
        self.shown |= dict.fromkeys(fresh)
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
        gap = "\n\n" if self.apart else "\n"
        self.blocks.append(gap + block)
        self.apart = False

    def text(self) -> str:
        """The whole text; call once, at the end."""
        self._flush()
        numbered = [f"[{number}] {href}" for href, number in self.shown.items() if number]
        if numbered:
            self.apart = True
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
