"""Lists of attributes that kramdown, Pandoc and Goldmark put behind a part of the text: they say how it looks. Pure."""

import re

from newsletter.posts.importers.folder.code import substituted
from newsletter.posts.importers.html.notes import Remark

_ATTRIBUTES = re.compile(
    r"[ \t]*\{:(?!:)[^{}\n]{0,300}\}"  # kramdown's, behind words or on a line of their own
    r"|(?<=\))\{[^{}\n]{0,200}[=.#][^{}\n]{0,200}\}"  # behind a picture or a link
    r"|^[ \t]*\{(?:(?:[.#][\w-]+|[\w-]+=\"[^\"\n]*\")[ \t]*)+\}[ \t]*$"  # Goldmark's
    r"|(?<=\S)[ \t]+\{(?:[.#][\w:-]+[ \t]*){2,}\}(?=[ \t]*$)",  # of a heading, with a name and classes
    re.MULTILINE,
)
_IDENTITY = re.compile(r"(?<=\S)[ \t]*\{#[\w-]{1,80}\}(?=[ \t]*$)", re.MULTILINE)  # of a heading
_HEADING = re.compile(
    r"^ {0,3}#{1,6}[ \t]+(?P<words>[^\n]{1,300}?)(?:[ \t]*\n)?[ \t]*"
    r"\{:?[^{}\n]{0,200}?#(?P<name>[\w:.-]{1,100})[^{}\n]{0,200}\}",
    re.MULTILINE,
)
_ANCHOR = r"<a\s+(?:name|id)=[\"']?(?P<{}>[^\s\"'<>]{{1,100}})[\"']?\s*(?:/>|>\s*</a>)"
_ANCHORED = re.compile(
    rf"{_ANCHOR.format('name')}\s*#{{1,6}}[ \t]+(?P<words>[^\n]{{1,300}})"
    rf"|^ {{0,3}}#{{1,6}}[ \t]+{_ANCHOR.format('inner')}(?P<after>[^\n]{{1,300}})",
    re.MULTILINE | re.IGNORECASE,
)
_CONTENTS = re.compile(
    r"^[ \t]*[-*1][.]?[ \t]+[^\n]{1,60}\n\{:[ \t]*toc\b[^}\n]*\}[ \t]*\n?", re.MULTILINE | re.IGNORECASE
)
_HIDDEN = re.compile(r"\{::comment\}(?P<words>.*?)\{:/(?:comment)?\}", re.DOTALL)
_HIDDEN_BY_LIQUID = re.compile(r"\{%-?\s*comment\s*-?%\}(?P<words>.*?)\{%-?\s*endcomment\s*-?%\}", re.DOTALL)
_UNMARKED = re.compile(r"\{::(?:nomarkdown|options)\b[^}\n]*?(?:/\}|\}(?P<inner>.*?)\{:/(?:nomarkdown)?\})", re.DOTALL)


def named(text: str) -> dict[str, str]:
    """Return the words of each heading that was given a name by hand, by this name."""
    given = {found["name"]: found["words"] for found in _HEADING.finditer(text)}
    anchored = _ANCHORED.finditer(text)
    return given | {found["name"] or found["inner"]: found["words"] or found["after"] for found in anchored}


def plain(text: str, remarks: list[Remark]) -> str:
    """Return the text without attributes; name them."""
    text = _CONTENTS.sub("[toc]\n", text)
    text = _IDENTITY.sub("", _UNMARKED.sub(lambda found: found["inner"] or "", text))
    found = [match[0].strip() for match in _ATTRIBUTES.finditer(text)]
    if found:
        shown = ", ".join(dict.fromkeys(found))[:200]
        remarks.append(Remark("the look of single parts stays away", shown, is_loss=False))
    return _ATTRIBUTES.sub("", text)


def without_comments(text: str) -> str:
    """Return the text with `{::comment}` and Liquid's `{% comment %}` as comments of HTML."""
    for pattern in (_HIDDEN, _HIDDEN_BY_LIQUID):
        text = substituted(pattern, lambda found: comment(found["words"]), text) if "comment" in text else text
    return text


def comment(words: str) -> str:
    words = " ".join(words.replace("--", "- -").split())
    return f"<!-- {words} -->" if words else ""
