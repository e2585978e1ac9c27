"""Marks of Liquid and Hugo: each is found, those that have an end with what they hold, the innermost first. Pure."""

import re
from dataclasses import dataclass, field
from textwrap import indent

from newsletter.posts.importers.folder import singles
from newsletter.posts.importers.folder.code import CODE
from newsletter.posts.importers.folder.pairs import INLINE, LITERAL, WRITERS, Pair
from newsletter.posts.importers.folder.tags import TAG, Tag, tag_of
from newsletter.posts.importers.html.notes import Remark

DEEPEST = 30  # marks inside each other; those beyond stay as typed
_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}\n?(?P<inner>.*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_SCAN = re.compile(f"(?P<code>{CODE.pattern})|{TAG.pattern}", CODE.flags)


@dataclass
class _Open:
    """A mark that began, and what came since. tag: None for the whole; parts: how many marks in it were written."""

    tag: Tag | None
    pieces: list[str] = field(default_factory=list)
    parts: int = 0


@dataclass
class _Reading:
    text: str
    remarks: list[Remark]
    raw: list[str] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=lambda: [_Open(None)])
    endless: set[tuple[str, bool]] = field(default_factory=set)

    def read(self) -> str:
        position = 0
        while found := _SCAN.search(self.text, position):
            self.put(self.text[position : found.start()])
            position = found.end()
            if found["code"] is not None:
                self.put(_RAW.sub(r"\g<inner>", found[0]) if "{%" in found[0] else found[0])
            else:
                position = self._mark(tag_of(found), position)
        self.put(self.text[position:])
        while len(self.stack) > 1:
            self._give_up()
        return "".join(self.stack[0].pieces)

    def put(self, text: str) -> None:
        self.stack[-1].pieces.append(text)

    def _mark(self, tag: Tag, position: int) -> int:
        """Take one mark; return where reading goes on."""
        is_known = (tag.name, tag.is_hugo) in WRITERS
        if tag.is_end and is_known:
            self._end(tag, position)
        elif not is_known or tag.is_alone or len(self.stack) > DEEPEST:
            self.put(singles.written(tag, self.remarks))
        elif tag.name in LITERAL:
            return self._literal(tag, position)
        else:
            self.stack.append(_Open(tag))
        return position

    def _literal(self, tag: Tag, position: int) -> int:
        """Take a mark whose inside is no Markdown: up to the first end of its name."""
        key = (tag.name, tag.is_hugo)
        name = re.escape(tag.name)
        form = rf"\{{\{{[<%]\s*/\s*{name}\s*[>%]\}}\}}" if tag.is_hugo else rf"\{{%-?\s*end{name}\s*-?%\}}"
        end = None if key in self.endless else re.compile(form, re.IGNORECASE).search(self.text, position)
        if not end:
            self.endless.add(key)
            self.put(singles.written(tag, self.remarks))
            return position
        inner = self.text[position : end.start()]
        if tag.name == "raw" and not tag.is_hugo:
            self.raw.append(inner)
            self.put(inner)
        else:
            self._write(tag, _RAW.sub(r"\g<inner>", inner), end.end())
        return end.end()

    def _end(self, tag: Tag, position: int) -> None:
        if not any(one.tag and (one.tag.name, one.tag.is_hugo) == (tag.name, tag.is_hugo) for one in self.stack):
            self.put(singles.written(tag, self.remarks))
            return
        while (last := self.stack[-1].tag) and (last.name, last.is_hugo) != (tag.name, tag.is_hugo):
            self._give_up()
        opened = self.stack.pop()
        if opened.tag:
            self._write(opened.tag, "".join(opened.pieces), position)

    def _give_up(self) -> None:
        """Let a mark that never ends stand as it was typed."""
        opened = self.stack.pop()
        self.put((singles.written(opened.tag, self.remarks) if opened.tag else "") + "".join(opened.pieces))

    def _write(self, tag: Tag, inner: str, position: int) -> None:
        around = self.stack[-1]
        pair = Pair(tag, inner, around.tag, around.parts)
        around.parts += 1
        found = WRITERS[tag.name, tag.is_hugo](pair, self.remarks)
        self.put(found if tag.name in INLINE else self._as_block(found.strip("\n"), self.text[position : position + 1]))

    def _as_block(self, block: str, following: str) -> str:
        """Return a block on lines of its own, as far to the right as its mark stood, with a blank line around it."""
        above, _newline, line = "".join(self.stack[-1].pieces[-3:]).rpartition("\n")
        after = "\n" if following in {"\n", ""} else "\n\n"
        if line.strip():
            return f"\n\n{block}{after}"
        gap = f"\n{line}" if above.rpartition("\n")[2].strip() else ""
        return gap + indent(block, line)[len(line) :] + after


def written(text: str, remarks: list[Remark]) -> tuple[str, list[str]]:
    """Return the text with the marks that are known as Markdown, and what was to stay as it is (`raw`)."""
    if "{%" not in text and "{{" not in text:
        return text, []
    reading = _Reading(text, remarks)
    return reading.read(), reading.raw
