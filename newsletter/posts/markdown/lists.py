"""Lists: which lines belong to one, to each of its items, and how far they are indented."""

import re
from dataclasses import dataclass

from newsletter.posts.markdown.lines import FENCE, MARKER, Marker, indent_of, is_lazy, is_prose


@dataclass
class Item:
    """A list item: its own lines, without the marker and its indentation."""

    marker: "Marker"
    lines: list[str]


def end_of_fence(lines: list[str], index: int, fence: str, *, indent: int) -> int | None:
    """Return the index after the line that closes the fence opened at `index`, `indent` columns from the left."""
    close = re.compile(rf"^ {{0,{indent + 3}}}{re.escape(fence[0])}{{{len(fence)},}} *$")
    return next((i + 1 for i in range(index + 1, len(lines)) if close.match(lines[i])), None)


class ListReader:
    """Collects the items of the list that begins at a line."""

    def __init__(self, lines: list[str], index: int, marker: Marker) -> None:
        self.lines, self.start, self.index = lines, index, index + 1
        self.items = [Item(marker, [marker.text])]
        self.is_loose = False
        self.is_open = is_prose(marker.text)
        self.unclosed: set[str] = set()
        if FENCE.match(marker.text):
            self.index = self._end_of_fence(index, marker.text, marker)
            self.items[-1].lines += lines[index + 1 : self.index]

    def read(self) -> list[str]:
        """Return the lines of the list; afterwards `items` and `is_loose` are set."""
        while self.index < len(self.lines) and self._take():
            pass
        self._give_back_blanks()
        for item in self.items:
            item.lines[1:] = _dedented(item)
        return self.lines[self.start : self.index]

    def _take(self) -> bool:
        """Take one line, or a whole fence; return False at the line that ends the list."""
        line, item = self.lines[self.index], self.items[-1]
        if not line.strip():
            item.lines.append("")
            self.is_open = False
            self.index += 1
            return True
        if self._belongs(line, item):
            end = self._end_of_fence(self.index, line, item.marker) if FENCE.match(line) else self.index + 1
            item.lines += self.lines[self.index : end]
            self.is_open = end == self.index + 1 and is_prose(line.lstrip())
            self.index = end
            return True
        return self._take_sibling(line, item)

    def _belongs(self, line: str, item: Item) -> bool:
        marker, indent, other = item.marker, indent_of(line), Marker.of(line)
        if other and other.goes_on_from(marker) and not any(MARKER.match(inner) for inner in item.lines[1:]):
            return False  # `2.` and then an indented `3.`: the author counts on
        if indent >= marker.offset:
            return True
        if other:
            return other.is_child_of(marker)
        if self.is_open and is_lazy(line):
            return True
        # Two columns are enough under a number, as most editors indent by two.
        return marker.number is not None and not marker.is_wide and indent >= marker.indent + 2

    def _take_sibling(self, line: str, item: Item) -> bool:
        marker = Marker.of(line)
        if not marker or marker.kind != item.marker.kind:
            return False
        if marker.indent > item.marker.indent + 3 and not marker.goes_on_from(item.marker):
            return False
        self.is_loose |= item.lines[-1] == "" and len(item.lines) > 1
        self.items.append(Item(marker, [marker.text]))
        self.is_open = is_prose(marker.text)
        self.index += 1
        if FENCE.match(marker.text):
            end = self._end_of_fence(self.index - 1, marker.text, marker)
            self.items[-1].lines += self.lines[self.index : end]
            self.index = end
        return True

    def _end_of_fence(self, index: int, text: str, marker: Marker) -> int:
        """Return the line after an item's fence, whose code may be less indented than the item."""
        match = FENCE.match(text)
        if not match or match["fence"] in self.unclosed:
            return index + 1
        indent = indent_of(text) if text is self.lines[index] else marker.offset
        end = end_of_fence(self.lines, index, match["fence"], indent=indent)
        if end and indent_of(self.lines[end - 1]) >= min(marker.offset, marker.indent + 2):
            return end
        self.unclosed.add(match["fence"])
        return index + 1

    def _give_back_blanks(self) -> None:
        lines = self.items[-1].lines
        while len(lines) > 1 and not lines[-1].strip():
            lines.pop()
            self.index -= 1


def _dedented(item: Item) -> list[str]:
    """Return the lines under the first one, moved left by the item's offset or by what its author used."""
    rest = item.lines[1:]
    marker = item.marker
    shallow = (indent_of(line) for line in rest if MARKER.match(line) or FENCE.match(line))
    depth = min([marker.offset, *(indent for indent in shallow if indent >= marker.indent + 2)])
    return [line[min(depth, indent_of(line)) :] for line in rest]
