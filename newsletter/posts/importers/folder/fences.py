"""What stands behind the fence of a block of code: its title goes above it, the rest is named. Pure."""

import re

from newsletter.posts.importers.folder.code import CODE
from newsletter.posts.importers.html.notes import Remark

_HEAD = re.compile(r"(?P<before>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[^\s`{]*)(?P<info>[^\n`]*)(?=\n)")
_TITLE = re.compile(
    r"\b(?:title|filename|file|caption|name)\s*[=:]\s*(?P<quote>[\"'])(?P<words>[^\"'\n]{1,200})(?P=quote)"
)
_INLINE_QUERY = re.compile(r"`+\s*(?:\$=|=\s*(?:this\.|\[\[|date\(|link\())")  # Dataview's, within a sentence
_QUERIES = {"dataview", "dataviewjs", "query", "tasks", "base"}  # of Obsidian: a program writes what readers see


def plain(text: str, remarks: list[Remark]) -> str:
    """Return a text in which the title of each block of code stands above it, in bold."""
    return CODE.sub(lambda code: _written(code, remarks), text) if "`" in text or "~~~" in text else text


def _written(code: re.Match[str], remarks: list[Remark]) -> str:
    head = _HEAD.match(code[0]) if code["fence"] else None
    if (head and head["language"].lower() in _QUERIES) or (code["ticks"] and _INLINE_QUERY.match(code[0])):
        typed = " ".join(code[0].strip("`~").split())[:80]
        remarks.append(Remark("a value that a program writes stays as it was typed", typed))
    if not head or not (info := head["info"].strip()):
        return code[0]
    if title := _TITLE.search(info):
        return f"{head['before']}**{title['words']}**\n\n{code[0]}"
    remarks.append(
        Remark(
            "what stands behind the fence of code stays away", info[:200], is_loss=bool(re.search(r"[^\W\d]{3}", info))
        )
    )
    return code[0]
