"""The HTML part of a mail: styles where mail clients read them, tables that fit a phone. Pure."""

import re
from collections.abc import Mapping
from html import unescape

from css_inline import CSSInliner

INLINER = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
AT_RULES = re.compile(r"<head>(<style>.*?</style>)(.*?)</head>", re.DOTALL)
COLUMN_WIDTH = 544  # pixels for text and pictures in templates/email/base.html: 600 without the margins
PICTURE = re.compile(r'<img\b[^>]*?\bsrc="([^"]*)"[^>]*>')
PRE = re.compile(r"<pre\b([^>]*)>(.*?)</pre>", re.DOTALL)
NEWLINE = "\n"
LEADING = re.compile(r"^((?:<[^>]*>)*)( +)", re.MULTILINE)
SPACES = re.compile(r" {2,}")
CODE_WORD_MAX = 26  # characters: what the narrowest phone shows of code on one line
MARKS_OF_CODE = "/._,:=?+|-"
CODE_JOINT = re.compile(  # marks after a letter, whatever their colours, behind which a long word may break
    rf"<[^>]*>|\w(?:<[^>]*>)*(?:&amp;|[{MARKS_OF_CODE}])+(?=(?:<[^>]*>)*[^\s<>{MARKS_OF_CODE}])"
)
BREAK = '<span style="display: inline-block"></span>'  # takes no room, is not copied; Gmail does not know <wbr>
INDENT_MAX = 16  # spaces: a deeper line may break within them
ALIGNED = re.compile(r'(<t[dh]\b[^>]*?) align="(?:left|center|right)"')
HEADER = re.compile(r"<th\b(?![^>]*\bscope=)")
TEXT = re.compile(r">[^<]+<")
LONG_RUN = re.compile(r"[!-,.0-;=@-~\u00a1-\u024f\u2014]{30,}")  # an address is broken by its style
FIRST_ROW = re.compile(r"<table\b(?![^>]*\brole=)([^>]*)>(.*?)</tr>", re.DOTALL)  # of a table of data
CELL = re.compile(r"<t[hd]\b")
COLUMNS_MANY = 5  # do not fit a phone with whole words
ATOMS = re.compile(r"(?:&[a-z0-9#]+;|[^&]|&){1,12}")
ZERO_WIDTH_SPACE, NO_BREAK_SPACE = "\u200b", "\xa0"
SMALL = 280  # pixels: fits the narrowest phone as it is
COLOURED = re.compile(r'<span style="([^"]*?color: ?#([0-9a-fA-F]{6})\b[^"]*)">')
HEADING = re.compile(r"(</?h)([1-6])\b")
ADDRESS_LINK = re.compile(r"<a\b([^>]*)>(?=https?://[^\s<]{30,}<)")
ADDRESS_SHOWN = re.compile(r">(https?://[^\s<]+/)([^\s/<]{16,}/?)<")  # with a token at its end
BETWEEN_BLOCKS = re.compile(r">\s*\n\s*<(?=/?(?:html|head|body|meta|title|table|tbody|tr|td|div|style)\b)")


def inline_css(html: str) -> str:
    """Return a whole HTML document with its <style> rules written into style attributes.

    Media queries stay behind in a <style>, for clients that know dark mode. Nothing is loaded from
    anywhere. Indentation between blocks is left out: Gmail clips a mail at 102 KB.
    """
    inlined = INLINER.inline(html)
    # css_inline puts them first, but the character set must stand in a document's first 1,024 bytes.
    inlined = AT_RULES.sub(r"<head>\2\1</head>", inlined, count=1)
    return BETWEEN_BLOCKS.sub(">\n<", inlined)


def fitted(width: int, height: int) -> tuple[int, int]:
    if width <= COLUMN_WIDTH:
        return width, height
    return COLUMN_WIDTH, max(round(height * COLUMN_WIDTH / width), 1)


def attributes(width: int, height: int) -> str:
    """Return the attributes that say at which size a picture is shown.

    Outlook knows no max-width, and shows a picture without a width as wide as its file. A height would not
    shrink with the width of a phone: Yahoo does not know `height: auto` (caniemail.com, css-height). The style keeps
    the place of a picture that is not loaded from being wider than a phone.
    """
    width, height = fitted(width, height)
    if width <= SMALL:
        return f'width="{width}" height="{height}"'
    return f'width="{width}" style="width: 100%; max-width: {width}px;"'


def sized(html: str, sizes: Mapping[str, tuple[int, int]]) -> str:

    def with_size(tag: re.Match[str]) -> str:
        if tag[1] not in sizes or " width=" in tag[0]:
            return tag[0]
        return f"{tag[0].removesuffix('>')} {attributes(*sizes[tag[1]])}>"

    return PICTURE.sub(with_size, html)


def demoted(html: str) -> str:
    """Return `html` with headings that stand below a title in h2: h1 and h2 become h3, h3 becomes h4."""
    return HEADING.sub(lambda tag: f"{tag[1]}{min(max(int(tag[2]) + 1, 3), 6)}", html)


def for_old_clients(html: str) -> str:
    """Return `html` in which lines break without CSS that Outlook and Yahoo do not know, and no attribute is obsolete.

    <pre> becomes a <div> with line breaks, long runs of Latin letters get places to break, a token at the end of an
    address that is shown begins a line (who copies it copies no letter more), and the alignment of a table's
    cells stays in their styles only. Its headers say that they stand above a column. A table of many columns may break
    its lines anywhere, where clients know how.
    """
    head, body, rest = html.partition("<body")
    rest = PRE.sub(lambda found: _as_lines(found[1], found[2]), rest)
    rest = FIRST_ROW.sub(_that_fits, rest)
    rest = HEADER.sub('<th scope="col"', ALIGNED.sub(r"\1", rest))
    rest = ADDRESS_LINK.sub(lambda link: f"<a{_broken_anywhere(link[1])}>", rest)
    rest = ADDRESS_SHOWN.sub(r">\1<br>\2<", rest)
    return head + body + TEXT.sub(lambda found: LONG_RUN.sub(_with_breaks, found[0]), rest)


def _that_fits(table: re.Match[str]) -> str:
    attributes, row = table[1], table[2]
    if len(CELL.findall(row)) < COLUMNS_MANY:
        return table[0]
    return f"<table{_broken_anywhere(attributes)}>{row}</tr>"


def _broken_anywhere(attributes: str) -> str:
    """Return a tag's attributes with a style by which lines break within words: of code, addresses and many columns.

    Nothing is put into the text for it, which may be copied. Clients that do not know it leave it out.
    """
    if "line-break: anywhere" in attributes:
        return attributes
    styled = attributes if ' style="' in attributes else f'{attributes} style=""'
    return styled.replace(' style="', ' style="line-break: anywhere; ', 1)


def _as_lines(attributes: str, code: str) -> str:
    """Return the <div> that shows a <pre>: a space that counts does not break, lines end in <br>.

    A word that is wider than a phone breaks after a mark in it, such as a slash, if it has one; letters are parted only
    where what is between two marks is still too wide.
    """
    led = LEADING.sub(lambda line: line[1] + _kept(line[2]), code.strip(NEWLINE))
    if not (fits := _fits(led)):
        led = CODE_JOINT.sub(lambda found: found[0] if found[0].startswith("<") else found[0] + BREAK, led)
        fits = _fits(led.replace(BREAK, " "))
    lines = TEXT.sub(lambda text: SPACES.sub(lambda run: _kept(run[0]), text[0]), f">{led}<")[1:-1]
    kept = attributes.replace("white-space:pre-wrap;", "").replace("white-space: pre-wrap;", "")
    named = kept.replace('class="', 'class="pre ', 1) if 'class="' in kept else f' class="pre"{kept}'
    return f"<div{named if fits else _broken_anywhere(named)}>{lines.replace(NEWLINE, '<br>')}</div>"


def _fits(code: str) -> bool:
    words = unescape(re.sub("<[^>]*>", "", code)).split(" ")
    return max(len(word) for line in words for word in line.split(NEWLINE)) <= CODE_WORD_MAX


def _kept(spaces: str) -> str:
    """Return as many spaces, none of which a client leaves out."""
    if len(spaces) <= INDENT_MAX:
        return NO_BREAK_SPACE * len(spaces)
    return (f"{NO_BREAK_SPACE} " * len(spaces))[: len(spaces)]


def _with_breaks(run: re.Match[str]) -> str:
    return ZERO_WIDTH_SPACE.join(ATOMS.findall(run[0]))


def named_colours(html: str) -> str:
    """Return `html` whose coloured spans have a class by their colour, such as c-8f2d56: dark mode gives it another."""
    return COLOURED.sub(lambda tag: f'<span class="c-{tag[2].lower()}" style="{tag[1]}">', html)


TABLE = re.compile(r"<table>(?:(?!<table\b).)*?</table>", re.DOTALL)  # as Markdown makes it
ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
WHOLE_CELL = re.compile(r"<(t[hd])\b([^>]*)>(.*?)</\1>", re.DOTALL)
MERGED = re.compile(r"\b(?:col|row)span=")
BLOCK = re.compile(r"<(?:p|div|[ou]l|blockquote|pre|figure|h[1-6]|hr|details)\b")
EMPTY = "—"


def stacked(html: str) -> str:
    """Return `html` in which each row of a table of five columns or more is a paragraph of `head：cell` lines.

    A table stays as it is if it has no heads, or has cells that lines cannot hold.
    """
    return TABLE.sub(lambda table: _records(table[0]) or table[0], html)


def _records(table: str) -> str:
    """Return the rows as paragraphs; "" for a table that has to stay one."""
    rows = [WHOLE_CELL.findall(row) for row in ROW.findall(table)]
    if len(rows) < 2 or len(rows[0]) < COLUMNS_MANY or BLOCK.search(table) or MERGED.search(table):
        return ""
    heads = [words.strip() for tag, _attributes, words in rows[0] if tag == "th"]
    if not all(heads) or any(len(row) != len(heads) for row in rows):
        return ""
    return "\n".join(_record(heads, [words.strip() for _tag, _attributes, words in row]) for row in rows[1:])


def _record(heads: list[str], cells: list[str]) -> str:
    lines = (f'<span class="head">{head}：</span>{cell or EMPTY}' for head, cell in zip(heads, cells, strict=True))
    return f'<p class="record">{"<br>".join(lines)}</p>'
