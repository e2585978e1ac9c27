"""Notes that stand in the sentence (`^[…]`), as Pandoc and Obsidian have them. Pure."""

import re

from newsletter.posts.importers.folder.code import outside_code

LONGEST = 2_000  # characters of a note in a sentence
MISSED_MAX = 200  # notes without an end, after which a text is thought to have none


def written_out(text: str) -> str:
    """Return the text with the notes that stand in its sentences below it."""
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
