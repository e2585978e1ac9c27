"""The HTML part of a mail: inlined CSS, and workarounds for mail clients and narrow screens. Pure."""

import re
from collections.abc import Mapping
from html import unescape

from css_inline import CSSInliner

INLINER = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
AT_RULES = re.compile(r"<head>(<style>.*?</style>)(.*?)</head>", re.DOTALL)
COLUMN_WIDTH = 544  # pixels of the text column in templates/email/base.html: 600 without the margins
IMG_TAG = re.compile(r'<img\b[^>]*?\bsrc="([^"]*)"[^>]*>')
PRE_ELEMENT = re.compile(r"<pre\b([^>]*)>(.*?)</pre>", re.DOTALL)
NEWLINE = "\n"
LINE_INDENT = re.compile(r"^((?:<[^>]*>)*)( +)", re.MULTILINE)
SPACES = re.compile(r" {2,}")
CODE_WORD_MAX = 26  # characters of code on one line of the narrowest phone
CODE_PUNCTUATION = "/._,:=?+|-"
CODE_JOINT = re.compile(  # punctuation after a letter, also within coloured spans, where a long word may break
    rf"<[^>]*>|\w(?:<[^>]*>)*(?:&amp;|[{CODE_PUNCTUATION}])+(?=(?:<[^>]*>)*[^\s<>{CODE_PUNCTUATION}])"
)
BREAK_SPAN = '<span style="display: inline-block"></span>'  # no width, not copied; Gmail does not know <wbr>
INDENT_MAX = 16  # spaces; deeper indents may break
ALIGNED_CELL = re.compile(r'(<t[dh]\b[^>]*?) align="(?:left|center|right)"')
HEADER_CELL = re.compile(r"<th\b(?![^>]*\bscope=)")
TEXT_RUN = re.compile(r">[^<]+<")
LONG_LATIN_RUN = re.compile(r"[!-,.0-;=@-~\u00a1-\u024f\u2014]{30,}")  # URLs break by CSS instead
FIRST_ROW = re.compile(r"<table\b(?![^>]*\brole=)([^>]*)>(.*?)</tr>", re.DOTALL)  # of a table of data
CELL_TAG = re.compile(r"<t[hd]\b")
WIDE_COLUMNS = 5  # too many for a phone without breaking words
BREAKABLE_RUN = re.compile(r"(?:&[a-z0-9#]+;|[^&]|&){1,12}")
ZERO_WIDTH_SPACE, NO_BREAK_SPACE = "\u200b", "\xa0"
PHONE_WIDTH = 280  # pixels: fits the narrowest phone
COLOURED_SPAN = re.compile(r'<span style="([^"]*?color: ?#([0-9a-fA-F]{6})\b[^"]*)">')
HEADING_TAG = re.compile(r"(</?h)([1-6])\b")
URL_LINK = re.compile(r"<a\b([^>]*)>(?=https?://[^\s<]{30,}<)")
URL_WITH_TOKEN = re.compile(r">(https?://[^\s<]+/)([^\s/<]{16,}/?)<")  # with a token at its end
BETWEEN_BLOCKS = re.compile(r">\s*\n\s*<(?=/?(?:html|head|body|meta|title|table|tbody|tr|td|div|style)\b)")


def inline_css(html: str) -> str:
    """Inline the CSS of a complete HTML document.

    Media queries stay in a <style>, for dark mode. Nothing is loaded. Indentation between blocks is removed, because
    Gmail clips a mail at 102 KB.
    """
    inlined = INLINER.inline(html)
    # css_inline puts them first, but the charset must be within the first 1,024 bytes.
    inlined = AT_RULES.sub(r"<head>\2\1</head>", inlined, count=1)
    return BETWEEN_BLOCKS.sub(">\n<", inlined)


def fit_column(width: int, height: int) -> tuple[int, int]:
    if width <= COLUMN_WIDTH:
        return width, height
    return COLUMN_WIDTH, max(round(height * COLUMN_WIDTH / width), 1)


def size_attributes(width: int, height: int) -> str:
    """The attributes for the displayed size of a picture.

    Outlook ignores max-width and needs `width`. No `height`: Yahoo ignores `height: auto` (caniemail.com, css-height),
    so it would not shrink on a phone. The style keeps the placeholder of a blocked picture narrow.
    """
    width, height = fit_column(width, height)
    if width <= PHONE_WIDTH:
        return f'width="{width}" height="{height}"'
    return f'width="{width}" style="width: 100%; max-width: {width}px;"'


def with_picture_sizes(html: str, sizes: Mapping[str, tuple[int, int]]) -> str:
    def with_size(tag: re.Match[str]) -> str:
        if tag[1] not in sizes or " width=" in tag[0]:
            return tag[0]
        return f"{tag[0].removesuffix('>')} {size_attributes(*sizes[tag[1]])}>"

    return IMG_TAG.sub(with_size, html)


def demote_headings(html: str) -> str:
    """Move headings below a title in h2: h1 and h2 become h3, h3 becomes h4."""
    return HEADING_TAG.sub(lambda tag: f"{tag[1]}{min(max(int(tag[2]) + 1, 3), 6)}", html)


def for_old_clients(html: str) -> str:
    """Replace what Outlook and Yahoo do not support, and obsolete attributes.

    <pre> becomes a <div> with <br>. Long Latin runs get break opportunities, a token at the end of a displayed URL gets
    a line of its own, table headers get a scope, and a table of many columns may break its lines anywhere.
    """
    head, body, rest = html.partition("<body")
    rest = PRE_ELEMENT.sub(lambda found: _pre_as_div(found[1], found[2]), rest)
    rest = FIRST_ROW.sub(_break_wide_table, rest)
    rest = HEADER_CELL.sub('<th scope="col"', ALIGNED_CELL.sub(r"\1", rest))
    rest = URL_LINK.sub(lambda link: f"<a{_with_breaks_anywhere(link[1])}>", rest)
    rest = URL_WITH_TOKEN.sub(r">\1<br>\2<", rest)
    breakable = TEXT_RUN.sub(
        lambda text: LONG_LATIN_RUN.sub(lambda run: ZERO_WIDTH_SPACE.join(BREAKABLE_RUN.findall(run[0])), text[0]), rest
    )
    return head + body + breakable


def _break_wide_table(table: re.Match[str]) -> str:
    attributes, row = table[1], table[2]
    if len(CELL_TAG.findall(row)) < WIDE_COLUMNS:
        return table[0]
    return f"<table{_with_breaks_anywhere(attributes)}>{row}</tr>"


def _with_breaks_anywhere(attributes: str) -> str:
    """Add `line-break: anywhere`: unlike a zero-width space it is not copied with the text."""
    if "line-break: anywhere" in attributes:
        return attributes
    styled = attributes if ' style="' in attributes else f'{attributes} style=""'
    return styled.replace(' style="', ' style="line-break: anywhere; ', 1)


def _pre_as_div(attributes: str, code: str) -> str:
    """A <div> in place of <pre>: no-break spaces, lines end in <br>.

    A word that is too wide breaks after punctuation, such as a slash; between letters only if that is not enough.
    """
    indented = LINE_INDENT.sub(lambda line: line[1] + _unbroken_spaces(line[2]), code.strip(NEWLINE))
    if not (fits := _fits_phone(indented)):
        indented = CODE_JOINT.sub(lambda part: part[0] if part[0].startswith("<") else part[0] + BREAK_SPAN, indented)
        fits = _fits_phone(indented.replace(BREAK_SPAN, " "))
    lines = TEXT_RUN.sub(lambda text: SPACES.sub(lambda run: _unbroken_spaces(run[0]), text[0]), f">{indented}<")[1:-1]
    kept = attributes.replace("white-space:pre-wrap;", "").replace("white-space: pre-wrap;", "")
    named = kept.replace('class="', 'class="pre ', 1) if 'class="' in kept else f' class="pre"{kept}'
    return f"<div{named if fits else _with_breaks_anywhere(named)}>{lines.replace(NEWLINE, '<br>')}</div>"


def _fits_phone(code: str) -> bool:
    words = unescape(re.sub("<[^>]*>", "", code)).split(" ")
    return max(len(word) for line in words for word in line.split(NEWLINE)) <= CODE_WORD_MAX


def _unbroken_spaces(spaces: str) -> str:
    """Spaces that clients do not collapse."""
    if len(spaces) <= INDENT_MAX:
        return NO_BREAK_SPACE * len(spaces)
    return (f"{NO_BREAK_SPACE} " * len(spaces))[: len(spaces)]


def with_colour_classes(html: str) -> str:
    """Give coloured spans a class, such as c-8f2d56, by which dark mode changes the colour."""
    return COLOURED_SPAN.sub(lambda tag: f'<span class="c-{tag[2].lower()}" style="{tag[1]}">', html)


PLAIN_TABLE = re.compile(r"<table>(?:(?!<table\b).)*?</table>", re.DOTALL)  # as Markdown makes it
ROW_ELEMENT = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
WHOLE_CELL = re.compile(r"<(t[hd])\b([^>]*)>(.*?)</\1>", re.DOTALL)
MERGED_CELL = re.compile(r"\b(?:col|row)span=")
BLOCK_TAG = re.compile(r"<(?:p|div|[ou]l|blockquote|pre|figure|h[1-6]|hr|details)\b")
EMPTY_CELL = "—"


def stack_wide_tables(html: str) -> str:
    """Turn each row of a table with WIDE_COLUMNS or more into a paragraph of `header：cell` lines.

    Tables without headers, with merged cells or with blocks in cells stay.
    """
    return PLAIN_TABLE.sub(lambda table: _stacked_rows(table[0]) or table[0], html)


def _stacked_rows(table: str) -> str:
    rows = [WHOLE_CELL.findall(row) for row in ROW_ELEMENT.findall(table)]
    if len(rows) < 2 or len(rows[0]) < WIDE_COLUMNS or BLOCK_TAG.search(table) or MERGED_CELL.search(table):
        return ""
    heads = [cell.strip() for tag, _attributes, cell in rows[0] if tag == "th"]
    if not all(heads) or any(len(row) != len(heads) for row in rows):
        return ""
    paragraphs = []
    for row in rows[1:]:
        pairs = zip(heads, (cell.strip() for _tag, _attributes, cell in row), strict=True)
        lines = (f'<span class="head">{head}：</span>{cell or EMPTY_CELL}' for head, cell in pairs)
        paragraphs.append(f'<p class="record">{"<br>".join(lines)}</p>')
    return "\n".join(paragraphs)
