"""What MDX has beyond Markdown: lines of a program, tabs and parts of a page. Pure."""

import re

from newsletter.posts.importers.folder.code import substituted
from newsletter.posts.importers.html.notes import Remark

_FILM = re.compile(
    r"<(?P<name>(?:Lite)?YouTube(?:Embed|Video|Player)?|Vimeo)\b[^<>\n]{0,300}?"
    r"\s(?:id|videoId|youTubeId|videoID)=[\"'{]{1,2}(?P<id>[\w-]{5,20})[\"'}]{1,2}[^<>\n]{0,300}/?>(?:\s*</(?P=name)>)?"
)
_PROGRAM = re.compile(
    r"^(?:import\s+[^\n]+?\s+from\s+['\"][^'\"\n]+['\"];?|export\s+(?:const|default|function)\s[^\n]*(?:\n[^\n]+)*)$",
    re.MULTILINE,
)
_COMMENT = re.compile(r"\{/\*(?P<words>.*?)\*/\}", re.DOTALL)
_GIVEN = re.compile(
    r"\b(?P<name>src|href|to)=\{\s*(?:require|useBaseUrl)\(\s*['\"](?P<path>[^'\"\n]{1,500})['\"]\s*\)(?:\.default)?\s*\}"
)
_LITERAL = re.compile(
    r"\b(?P<name>src|href|to|alt|title)=\{\s*(?P<quote>['\"`])(?P<words>[^'\"`{}\n]{1,500})(?P=quote)\s*\}"
)
_CLASS = re.compile(r"(?<=\s)className=(?=[\"'])")
_LOOK = re.compile(r"\s(?:style=\{\{[^{}]{0,500}\}\}|className=\{[^{}\n]{0,200}\})")
_TAB = re.compile(r"^[ \t]*<TabItem\b(?P<given>[^>\n]{0,500})>[ \t]*", re.MULTILINE)
_LABEL = re.compile(r"\b(?:label|value)=[\"'](?P<words>[^\"'\n]{1,200})[\"']")
_AROUND = re.compile(r"^[ \t]*</?Tabs\b[^>\n]{0,500}>[ \t]*$|[ \t]*</TabItem>[ \t]*", re.MULTILINE)
_PART = re.compile(  # one letter is a part if something is given to it, and it is none of HTML's
    r"<(?:[A-Z]{1,20}[a-z]\w{0,60}(?:\.[A-Z]\w{0,60})?(?:\s[^<>\n]{0,500})?|(?![ABIPQSU])[A-Z]\s[^<>\n]{0,500})/?>"
)
_HERE = re.compile(
    r"(?P<before>\]\(<?|\b(?:src|href|to)=\")(?:pathname://|@site(?:/static)?(?=/))"
)  # of the site's folder
# What a program would write: one that is a program beyond doubt, and anything in braces of an MDX file.
_SURE = (
    r"(?<![\\{$])\{(?![{%#:/])(?=[^{}\n]*(?:=>|`|\b(?:props|new|useBaseUrl|require)\b|\w\.\w+[(}]))"
    r"[^\n]{1,300}?\}(?!\})"
)
_ANY = r"(?<![\\{$])\{(?![{%#:/])(?:[^{}\n]|\{[^{}\n]*\}){1,300}\}(?!\})"
_VALUE = re.compile(_SURE)
_VALUE_OF_MDX = re.compile(_ANY)


def plain(text: str, remarks: list[Remark], *, is_mdx: bool = False) -> str:
    """Return the text with parts of a page that nobody here knows as typed, and named."""
    text = _PROGRAM.sub(lambda match: _left_out(match, remarks), text)
    if "<" in text:
        text = _LITERAL.sub(r'\g<name>="\g<words>"', _GIVEN.sub(r'\g<name>="\g<path>"', _FILM.sub(_film, text)))
        text = _without_looks(_AROUND.sub("", _TAB.sub(_tab, text)), remarks)
        remarks += [Remark("a short code stays as it was typed", one[0][:80]) for one in _PART.finditer(text)]
    text = _HERE.sub(r"\g<before>", text)
    if "{" in text:
        values = (_VALUE_OF_MDX if is_mdx else _VALUE).finditer(text)
        remarks += [Remark("a value that a program writes stays as it was typed", one[0][:80]) for one in values]
    return text


def _film(match: re.Match[str]) -> str:
    site = "https://vimeo.com/" if match["name"] == "Vimeo" else "https://www.youtube.com/watch?v="
    return f"\n\n{site}{match['id']}\n\n"


def _left_out(match: re.Match[str], remarks: list[Remark]) -> str:
    remarks.append(Remark("a line of a program is left out", match[0][:80]))
    return ""


def without_comments(text: str) -> str:
    """Return the text with `{/* … */}` as comments of HTML."""
    return substituted(_COMMENT, _comment, text) if "{/*" in text else text


def _comment(match: re.Match[str]) -> str:
    words = " ".join(match["words"].replace("--", "- -").split())
    return "" if words in {"truncate", "more", ""} else f"<!-- {words} -->"


def _without_looks(text: str, remarks: list[Remark]) -> str:
    looks = [one[0].strip() for one in _LOOK.finditer(text)]
    if looks:
        remarks.append(Remark("the look of single parts stays away", ", ".join(looks)[:200], is_loss=False))
    return _CLASS.sub("class=", _LOOK.sub("", text))


def _tab(match: re.Match[str]) -> str:
    labels = {one[0].partition("=")[0]: one["words"] for one in _LABEL.finditer(match["given"])}
    words = labels.get("label") or labels.get("value", "")
    return f"**{words}**\n\n" if words else ""
