"""Boxes of MkDocs: `!!! note "Title"` and `??? tip`, with what they hold four spaces to the right. Pure."""

import re
from textwrap import dedent, indent

from newsletter.posts.importers.folder.boxes import KINDS, boxed

_BOX = re.compile(
    r"^(?P<before> {0,12})(?P<mark>!!!|\?\?\?\+?)[ \t]+(?P<kind>[a-z][\w-]{1,20})(?P<rest>[^\n]{0,300})\n"
    r"(?P<inner>(?:[ \t]*\n)*(?P=before)(?: {4}|\t)[^\n]*\n?(?:(?:[ \t]*\n)*(?P=before)(?: {4}|\t)[^\n]*\n?)*)",
    re.MULTILINE,
)
_TITLE = re.compile(r"[\"'](?P<words>[^\"'\n]*)[\"']")
DEEPEST = 4


def plain(text: str, depth: int = 0) -> str:
    """Return a text with these boxes as ours; those that open by a click are fold-outs."""
    if depth == DEEPEST or ("!!!" not in text and "???" not in text):
        return text

    def box(found: re.Match[str]) -> str:
        title = _TITLE.search(found["rest"])
        words, kind = (title["words"] if title else "").strip(), found["kind"]
        inner = plain(dedent(found["inner"]).strip("\n"), depth + 1)
        if found["mark"] == "!!!":
            text = boxed(kind, words or ("" if kind in KINDS else kind), inner)
        else:
            text = f"<details><summary>{words or kind.capitalize()}</summary>\n\n{inner}\n\n</details>"
        return indent(text, found["before"]) + "\n\n"

    return _BOX.sub(box, text)
