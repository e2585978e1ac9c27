"""Turns line ends into hard breaks for programs whose pages break lines there. Pure."""

import re
from collections.abc import Callable

from newsletter.moving.converters.markdown.code import Code

# By program whose pages end a line where the text does: the file of its settings, and the words that say otherwise.
# Sources: hexo-renderer-marked, -kramed and -markdown-it (`breaks`), Obsidian ("Strict line breaks").
_SETTINGS = {
    "Hexo": ("_config.yml", r"^\s+breaks:\s*false\b"),
    "Obsidian": (".obsidian/app.json", r"\"strictLineBreaks\"\s*:\s*true\b"),
}


def ends_lines(program: str, settings: Callable[[str], str]) -> bool:
    """Whether the program's pages break lines where the text does; Markdown itself does not.

    settings: returns the text of a file; "" if there is none.
    """
    name, otherwise = _SETTINGS.get(program, ("", ""))
    return bool(name) and not re.search(otherwise, settings(name), re.MULTILINE)


# What no line goes on in: HTML up to a blank line, comments, code by its indent, and code in quotes.
_NO_PROSE = re.compile(
    r"<(?P<name>pre|script|style|textarea)\b.*?</(?P=name)\s*>|<!--.*?-->|<[a-zA-Z][^<>\n]*\n[^<>]*>"
    r"|^[ ]{0,3}</?[a-zA-Z][^\n]*\n(?:[^\n]*\S[^\n]*\n?)*|(?:(?<=\n\n)|\A)(?:(?: {4}|\t)[^\n]+(?:\n|\Z))+"
    r"|^[ \t>]*(?P<fence>```+|~~~+)[^\n]*\n.*?^[ \t>]*(?P=fence)[^\n]*$",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
_MARK = (
    r"(?:[-*+]|\d{1,9}[.)])[ \t]|#{1,6}(?:[ \t]|$)|(?:[-*_=][ \t]*){3,}$|-+$|\[!\w+\]|\[toc\]|:[ \t]|\[[^\]\n]+\]:|\0"
)
# A line of words, behind the marks of quotes, items and notes; and below it one that has no mark of its own.
_SOFT_END = re.compile(
    r"^(?P<line>[ \t>]*+(?:(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)|\[\^[^\]\n]{1,100}\]:[ \t]*)*+"
    rf"(?!{_MARK})[^\n|]*[^\s\\|\0])(?<!<br>)(?<!<br/>)(?<!<br />)"
    rf"\n(?=[ \t>]*+(?!{_MARK})[^\s|>][^\n|]*$)",
    re.MULTILINE | re.IGNORECASE,
)


def with_hard_breaks(text: str) -> str:
    """`text` with a backslash at each end of a line inside a paragraph; code, tables and HTML stay."""
    code = Code()
    text = code.take_out(text.replace("\r\n", "\n"))
    text = _NO_PROSE.sub(lambda found: code.hide(found[0]), text)
    return code.put_back(_SOFT_END.sub(r"\g<line>\\\n", text))
