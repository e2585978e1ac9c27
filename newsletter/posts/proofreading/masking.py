"""Which parts of a post are prose: code, addresses and tags are blanked out, and every place stays where it was."""

import re
from typing import Final

from newsletter.posts.markdown.inlines import TAGS, URL
from newsletter.posts.markdown.lines import FENCE, HTML_LONG, Marker, end_of_fence, indent_of
from newsletter.posts.markdown.typed_tags import Ends

HIDDEN: Final = "\x00"
TAB_LENGTH: Final = 4  # columns, as Python-Markdown counts them
FRONT_MATTER: Final = re.compile(r"\A---[ ]*\n.*?^(?:---|\.\.\.)[ ]*$", re.DOTALL | re.MULTILINE)
RAW: Final = re.compile(r"<(?:!--|(pre|script|style)\b)", re.IGNORECASE)
INLINE_CODE: Final = re.compile(r"(?<![\\`])(`+)(?!`)(?:(?!\n[ ]*\n).)+?(?<!`)\1(?!`)", re.DOTALL)
DESTINATION: Final = re.compile(r"(?<=\]\()[ ]*(?:<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)")
DEFINITION: Final = re.compile(r"^ {0,3}\[[^\]\n]+\]:[ ]*[!-~]+", re.MULTILINE)
AUTOLINK: Final = re.compile(r"<(?:https?://|mailto:)[^<>\s]*>|(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+", re.ASCII)
TAG: Final = re.compile(rf"(?:{TAGS.pattern})[^<>]*>", re.IGNORECASE)
BARE_URL: Final = re.compile(URL)


def without_code(source: str) -> str:
    """Return `source` with its front matter, code and comments hidden; as long as before, in the same lines."""
    lines = _hidden(FRONT_MATTER, source).split("\n")
    rendered = [line.expandtabs(TAB_LENGTH) for line in lines]  # as the renderer reads them
    index = 0
    while index < len(lines):
        end = _end_of_code(rendered, index)
        for some in (lines, rendered):
            some[index:end] = [HIDDEN * len(line) for line in some[index:end]]
        index = max(end, index + 1)
    return _hidden(INLINE_CODE, _without_raw("\n".join(lines)))


def _without_raw(text: str) -> str:
    """Return `text` with comments and HTML's own code hidden; what is never closed is a word."""
    ends, pieces, position = Ends(text), [], 0
    while match := RAW.search(text, position):
        end = ends.after(f"</{match[1].lower()}" if match[1] else "-->", match.end())
        tag_end = text.find(">", match.end(), end) + 1 if match[1] else match.start()
        start = tag_end if end > 0 else match.end()
        pieces += [text[position:start], re.sub(r"[^\n]", HIDDEN, text[start:end]) if end > start else ""]
        position = max(end, start)
    return "".join([*pieces, text[position:]])


def without_links(text: str) -> str:
    """Return `text` with the addresses of links and the tags of HTML hidden, but not with bare URLs."""
    for pattern in (DESTINATION, DEFINITION, AUTOLINK, TAG):
        text = _hidden(pattern, text)
    return text


def without_urls(text: str) -> str:
    return _hidden(BARE_URL, text)


def _hidden(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: re.sub(r"[^\n]", HIDDEN, match[0]), text)


def _end_of_code(lines: list[str], index: int) -> int:
    """Return the line after the code that begins at `index`; `index` itself if none does."""
    fence = FENCE.match(_inside(lines[index]))
    if fence:
        return end_of_fence(lines, index, fence["fence"], indent=indent_of(lines[index])) or len(lines)
    if HTML_LONG.match(lines[index]) or not _is_indented_code(lines, index):
        return index
    end = index
    while end < len(lines) and (indent_of(lines[end]) >= 4 or not lines[end].strip()):
        end += 1
    return end


def _inside(line: str) -> str:
    """Return a list item's or quote's first line without its mark; a fence may open there."""
    marker = Marker.of(line)
    return marker.text if marker else re.sub(r"^ {0,3}> ?", "", line)


def _is_indented_code(lines: list[str], index: int) -> bool:
    """Return whether a blank line parts this indented one from a paragraph: under a list it goes on with the item."""
    if indent_of(lines[index]) < 4 or not lines[index].strip() or (index and lines[index - 1].strip()):
        return False
    above = next((line for line in reversed(lines[:index]) if line.strip() and indent_of(line) < 4), "")
    return Marker.of(above) is None and not re.match(r" |\[\^", above)


LENGTH_MAX: Final = 80  # characters between the marks
NAMES: Final = (
    r"(?:first|last|full|user|your|company)?[ _.-]?name|fname|lname|recipient|subscriber|contact|e-?mail"
    r"|(?:recipient|subscriber|contact|user|person)[._][\w.]{1,40}|unsubscribe(?:[ _-]?(?:url|link))?"
    r"|姓名|名字|稱呼|暱稱"
)
# Doubled marks are no prose whatever stands between them; a single pair is a field only around one of NAMES.
MERGE_FIELD: Final = re.compile(
    rf"\{{\{{\{{?[^{{}}\n]{{1,{LENGTH_MAX}}}\}}\}}\}}?"  # {{ name }}: Liquid, Handlebars, Jinja
    rf"|\{{%[^{{}}%\n]{{1,{LENGTH_MAX}}}%\}}"  # {% if name %}
    rf"|%%[^\W\d_][^%\n]{{0,{LENGTH_MAX}}}%%"  # %%name%%: Salesforce
    rf"|\*\|[^|\n]{{1,{LENGTH_MAX}}}\|\*"  # *|FNAME|*: Mailchimp
    rf"|\[%[^%\n]{{1,{LENGTH_MAX}}}%\]|<%[^%<>\n]{{1,{LENGTH_MAX}}}%>"
    rf"|[$#]?\{{[ ]?\$?(?:{NAMES})(?:[|:, ][^{{}}\n]{{0,{LENGTH_MAX}}})?[ ]?\}}"  # {name}, ${name}, {$name|default}
    rf"|%(?:{NAMES})%|\[\[?(?:{NAMES})(?:,[^\[\]\n]{{0,{LENGTH_MAX}}})?\]\]?(?![(\[:])|<<(?:{NAMES})>>",
    re.IGNORECASE,
)


def merge_fields(source: str) -> list[tuple[int, str]]:
    """Return each merge field in the prose of `source` (Markdown) with its line, from 1; in code it is as it is."""
    if not any(mark in source for mark in "{%|[<"):
        return []
    plain = without_code(source)
    return [(plain.count("\n", 0, match.start()) + 1, match[0]) for match in MERGE_FIELD.finditer(plain)]
