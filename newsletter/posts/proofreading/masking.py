"""Masks code, URLs and tags of a Markdown source, so that only prose is left; all positions stay the same."""

import re
from typing import Final

from newsletter.posts.markdown.inlines import URL
from newsletter.posts.markdown.lines import FENCE, RAW_HTML_BLOCK, ListMarker, end_of_fence, indent_of
from newsletter.posts.markdown.typed_tags import KNOWN_TAGS, UNSUPPORTED_TAGS, ClosingTags

MASK: Final = "\x00"
TAB_LENGTH: Final = 4  # columns, as Python-Markdown counts them
FRONT_MATTER: Final = re.compile(r"\A---[ ]*\n.*?^(?:---|\.\.\.)[ ]*$", re.DOTALL | re.MULTILINE)
RAW: Final = re.compile(r"<(?:!--|(pre|script|style)\b)", re.IGNORECASE)
INLINE_CODE: Final = re.compile(r"(?<![\\`])(`+)(?!`)(?:(?!\n[ ]*\n).)+?(?<!`)\1(?!`)", re.DOTALL)
DESTINATION: Final = re.compile(r"(?<=\]\()[ ]*(?:<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)")
DEFINITION: Final = re.compile(r"^ {0,3}\[[^\]\n]+\]:[ ]*[!-~]+", re.MULTILINE)
DEFINED: Final = re.compile(r"^ {0,3}\[([^\[\]\n]+)\]:", re.MULTILINE)
BRACKETED: Final = re.compile(r"(?<=\[)[^\[\]]+(?=\])")
AUTOLINK: Final = re.compile(r"<(?:https?://|mailto:)[^<>\s]*>|(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+", re.ASCII)
TAG: Final = re.compile(
    rf"</?(?:{'|'.join(KNOWN_TAGS | UNSUPPORTED_TAGS)})(?=[\s/>])[^<>]*>|<!--[^<>]*>", re.IGNORECASE
)
BARE_URL: Final = re.compile(URL)


def without_code(source: str) -> str:
    lines = _mask(FRONT_MATTER, source).split("\n")
    rendered = [line.expandtabs(TAB_LENGTH) for line in lines]  # as Python-Markdown sees them
    index, above = 0, ""
    while index < len(lines):
        end = _end_of_code(rendered, index, above)
        for some in (lines, rendered):
            some[index:end] = [MASK * len(line) for line in some[index:end]]
        index, begin = max(end, index + 1), index
        above = next((line for line in reversed(rendered[begin:index]) if line.strip() and indent_of(line) < 4), above)
    return _mask(INLINE_CODE, _without_raw("\n".join(lines)))


def _without_raw(text: str) -> str:
    ends, pieces, position = ClosingTags(text), [], 0
    while match := RAW.search(text, position):
        end = ends.after(f"</{match[1].lower()}" if match[1] else "-->", match.end())
        tag_end = text.find(">", match.end(), end) + 1 if match[1] else match.start()
        start = tag_end if end > 0 else match.end()
        pieces += [text[position:start], re.sub(r"[^\n]", MASK, text[start:end]) if end > start else ""]
        position = max(end, start)
    return "".join([*pieces, text[position:]])


def without_references(text: str) -> str:
    """Without labels that have a definition, where they are used too: changed in one place alone, the link is lost."""
    labels = {_label(match[1]) for match in DEFINED.finditer(text)}
    if not labels:
        return text
    return BRACKETED.sub(lambda match: _hidden(match) if _label(match[0]) in labels else match[0], text)


def _label(typed: str) -> str:
    """As Python-Markdown compares them."""
    return " ".join(typed.lower().split())


def without_links(text: str) -> str:
    for pattern in (DESTINATION, DEFINITION, AUTOLINK, TAG):
        text = _mask(pattern, text)
    return text


def without_urls(text: str) -> str:
    return _mask(BARE_URL, text)


def _mask(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(_hidden, text)


def _hidden(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", MASK, match[0])


def _end_of_code(lines: list[str], index: int, above: str) -> int:
    """Index after the code block that starts at `index`; `index` if none does.

    above: the last line before it that is neither empty nor indented.
    """
    fence = FENCE.match(_inside(lines[index]))
    if fence:
        return end_of_fence(lines, index, fence["fence"], indent=indent_of(lines[index])) or len(lines)
    if RAW_HTML_BLOCK.match(lines[index]) or not _is_indented_code(lines, index, above):
        return index
    end = index
    while end < len(lines) and (indent_of(lines[end]) >= 4 or not lines[end].strip()):
        end += 1
    return end


def _inside(line: str) -> str:
    """The line without a list or quote marker; a fence may open there."""
    marker = ListMarker.parse(line)
    return marker.text if marker else re.sub(r"^ {0,3}> ?", "", line)


def _is_indented_code(lines: list[str], index: int, above: str) -> bool:
    """An indented line after a blank one is code, but below a list it continues the item."""
    if indent_of(lines[index]) < 4 or not lines[index].strip() or (index and lines[index - 1].strip()):
        return False
    return ListMarker.parse(above) is None and not re.match(r" |\[\^", above)


LENGTH_MAX: Final = 80  # characters between the marks
NAMES: Final = (
    r"(?:first|last|full|user|your|company)?[ _.-]?name|fname|lname|recipient|subscriber|contact|e-?mail"
    r"|(?:recipient|subscriber|contact|user|person)[._][\w.]{1,40}|unsubscribe(?:[ _-]?(?:url|link))?"
    r"|姓名|名字|稱呼|暱稱"
)
# Double brackets are never prose; single ones are a merge field only around one of NAMES.
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
    """Merge fields of other mail programs with their line, counted from 1; not those in code."""
    if not any(mark in source for mark in "{%|[<"):
        return []
    plain = without_code(source)
    return [(plain.count("\n", 0, match.start()) + 1, match[0]) for match in MERGE_FIELD.finditer(plain)]
