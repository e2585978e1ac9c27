"""Notes that stand in the sentence (`^[…]`), and abbreviations that are explained once (`*[HTML]: …`). Pure.

Sources: Pandoc's and Obsidian's inline notes; the abbreviations of kramdown, PHP Markdown Extra and markdown-it.
"""

import re
from html import escape

from newsletter.posts.importers.folder.code import outside_code

_ABBREVIATION = re.compile(r"^ {0,3}\*\[(?P<name>[^\]\n]{1,60})\]:[ \t]*(?P<words>[^\n]*)\n?", re.MULTILINE)
# Where a name is a part of something else: a tag, an address, the words of a link's own mark, a heading's anchor.
_OTHER = r"<[^<>\n]{1,500}>|\]\([^()\n]{0,500}\)|\[[^\[\]\n]{0,200}\]:[^\n]*|https?://[^\s<>]{1,500}"
LONGEST = 2_000  # characters of a note in a sentence
MISSED_MAX = 200  # notes without an end, after which a text is thought to have none


def written_out(text: str) -> str:
    """Return the text with its notes below it, and with each abbreviation explained where it stands."""
    return _with_abbreviations(_with_notes(text))


def _with_notes(text: str) -> str:
    if "^[" not in text:
        return text
    notes: list[str] = []
    label = next(name for name in ("in", "note-", "inline-note-") if f"[^{name}" not in text)

    def plain(part: str) -> str:
        pieces, position, missed = [], 0, 0
        for opened in re.finditer(r"(?<![\\\w\]])\^\[|(?<=[^\W\d_])\^\[|(?<=\])\^\[", part):
            if opened.start() < position:
                continue
            if not (words := _within(part, opened.end())):
                missed += 1
                if missed == MISSED_MAX:
                    break
                continue
            notes.append(" ".join(words.split()))
            pieces += [part[position : opened.start()], f"[^{label}{len(notes)}]"]
            position = opened.end() + len(words) + 1
        return "".join([*pieces, part[position:]])

    text = outside_code(text, plain)
    below = "\n\n".join(f"[^{label}{number}]: {words}" for number, words in enumerate(notes, 1))
    return f"{text.rstrip()}\n\n{below}\n" if below else text


def _within(text: str, start: int) -> str:
    """Return what stands until the bracket that closes; "" if none does in the same paragraph."""
    depth, end = 1, min(len(text), start + LONGEST)
    for place in range(start, end):
        if text.startswith("\n\n", place):
            return ""
        depth += {"[": 1, "]": -1}.get(text[place], 0) if text[place - 1] != "\\" else 0
        if depth == 0:
            return text[start:place]
    return ""


def _with_abbreviations(text: str) -> str:
    found: dict[str, str] = {}

    def taken(match: re.Match[str]) -> str:
        found[match["name"]] = match["words"].strip()
        return ""

    if "*[" not in text:
        return text
    text = outside_code(text, lambda part: _ABBREVIATION.sub(taken, part))
    if not found:
        return text
    names = "|".join(re.escape(name) for name in sorted(found, key=len, reverse=True))
    pattern = re.compile(rf"(?P<other>{_OTHER})|(?<![A-Za-z0-9])(?P<name>{names})(?![A-Za-z0-9])")

    def marked(match: re.Match[str]) -> str:
        if match["other"]:
            return match[0]
        return f'<abbr title="{escape(found[match["name"]])}">{match["name"]}</abbr>'

    return outside_code(text, lambda part: pattern.sub(marked, part))
