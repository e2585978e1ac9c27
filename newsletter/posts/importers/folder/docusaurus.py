"""Docusaurus's boxes, and what MDX has beyond Markdown: lines of a program, tabs and parts of a page. Pure."""

import re

from newsletter.posts.importers.folder.boxes import boxed
from newsletter.posts.importers.html.notes import Remark

_BOX = re.compile(
    r"^(?P<fence>:{3,})(?P<kind>\w+)[ \t]*(?:\[(?P<boxed>[^\]\n]*)\]|(?P<title>[^\n]*))\n"
    r"(?P<inner>(?:(?!^:::)[^\n]*\n)*?)(?P=fence)[ \t]*$",
    re.MULTILINE,
)
_PROGRAM = re.compile(
    r"^(?:import\s+[^\n]+?\s+from\s+['\"][^'\"\n]+['\"];?|export\s+(?:const|default|function)\s[^\n]*(?:\n[^\n]+)*)$",
    re.MULTILINE,
)
_COMMENT = re.compile(r"\{/\*(?P<words>.*?)\*/\}", re.DOTALL)
_REQUIRED = re.compile(r"\bsrc=\{\s*require\(\s*['\"](?P<path>[^'\"\n]{1,500})['\"]\s*\)(?:\.default)?\s*\}")
_TAB = re.compile(r"^[ \t]*<TabItem\b(?P<given>[^>\n]{0,500})>[ \t]*", re.MULTILINE)
_LABEL = re.compile(r"\b(?:label|value)=[\"'](?P<words>[^\"'\n]{1,200})[\"']")
_AROUND = re.compile(r"^[ \t]*</?Tabs\b[^>\n]{0,500}>[ \t]*$|[ \t]*</TabItem>[ \t]*", re.MULTILINE)
_PART = re.compile(r"<(?P<name>[A-Z]{1,20}[a-z]\w{0,60})(?:\s[^<>\n]{0,500})?/?>")
DEEPEST = 5  # boxes inside each other


def plain(text: str, remarks: list[Remark]) -> str:
    """Return the text with boxes as ours, and parts of a page that nobody here knows as typed, and named."""
    for _depth in range(DEEPEST if ":::" in text else 0):
        text = _BOX.sub(_box, text)
    text = _PROGRAM.sub(lambda match: _left_out(match, remarks), text)
    text = _COMMENT.sub(_comment, text) if "{/*" in text else text
    if "<" not in text:
        return text
    text = _REQUIRED.sub(r'src="\g<path>"', text)
    text = _AROUND.sub("", _TAB.sub(_tab, text))
    remarks += [Remark("a short code stays as it was typed", one[0][:80]) for one in _PART.finditer(text)]
    return text


def _box(match: re.Match[str]) -> str:
    return boxed(match["kind"], match["boxed"] or match["title"] or "", match["inner"])


def _left_out(match: re.Match[str], remarks: list[Remark]) -> str:
    remarks.append(Remark("a line of a program is left out", match[0][:80]))
    return ""


def _comment(match: re.Match[str]) -> str:
    words = " ".join(match["words"].replace("--", "- -").split())
    return "" if words in {"truncate", "more", ""} else f"<!-- {words} -->"


def _tab(match: re.Match[str]) -> str:
    labels = {one[0].partition("=")[0]: one["words"] for one in _LABEL.finditer(match["given"])}
    words = labels.get("label") or labels.get("value", "")
    return f"**{words}**\n\n" if words else ""
