"""Boxes between lines of colons, as Docusaurus and VuePress have them: `:::tip`, one inside the other too. Pure."""

import re
from dataclasses import dataclass, field
from textwrap import dedent, indent

from newsletter.posts.importers.folder.boxes import KINDS, boxed
from newsletter.posts.importers.html.notes import Remark

DEEPEST = 16  # boxes inside each other, as the renderer's; those beyond stay as typed
_OPEN = re.compile(r"(?P<before>[ \t]*)(?P<colons>:{3,})[ \t]*(?P<kind>[A-Za-z][\w-]{0,30})(?P<title>.{0,300})")
_END = re.compile(r"[ \t]*(?P<colons>:{3,})[ \t]*")
_FENCE = re.compile(r"[ \t]*(?P<sign>`{3,}|~{3,})")
_TITLE = re.compile(r"\[(?P<words>.*)\](?:\{[^{}]*\})?")


@dataclass
class _Box:
    """A box that began. opened: its first line, taken apart; None for the whole text."""

    opened: re.Match[str] | None = None
    lines: list[str] = field(default_factory=list)


def plain(text: str, remarks: list[Remark]) -> str:
    """Return the text with these boxes as ours; one that never ends stays as it was typed, and is named."""
    if ":::" not in text:
        return text
    stack, fence = [_Box()], ""
    for line in text.split("\n"):
        sign = _FENCE.match(line)
        if sign and (not fence or sign["sign"].startswith(fence)):
            fence = "" if fence else sign["sign"]
        elif not fence and len(stack) <= DEEPEST and (opened := _OPEN.fullmatch(line)):
            stack.append(_Box(opened))
            continue
        elif not fence and (end := _END.fullmatch(line)) and _close(stack, end["colons"], remarks):
            continue
        stack[-1].lines.append(line)
    while len(stack) > 1:
        _give_up(stack, remarks)
    return "\n".join(stack[0].lines)


def _close(stack: list[_Box], colons: str, remarks: list[Remark]) -> bool:
    """Close the box that these colons belong to; return whether there is one."""
    if not any(box.opened and box.opened["colons"] == colons for box in stack):
        return False
    while (box := stack[-1]).opened and box.opened["colons"] != colons:
        _give_up(stack, remarks)
    box = stack.pop()
    stack[-1].lines += _written(box).split("\n")
    return True


def _give_up(stack: list[_Box], remarks: list[Remark]) -> None:
    box = stack.pop()
    if box.opened:
        remarks.append(Remark("a short code stays as it was typed", box.opened[0].strip()[:80]))
        stack[-1].lines += [box.opened[0], *box.lines]


def _written(box: _Box) -> str:
    if box.opened is None:
        return "\n".join(box.lines)
    title, kind = box.opened["title"].strip(), box.opened["kind"]
    inner = dedent("\n".join(box.lines)).strip("\n")
    given = _TITLE.fullmatch(title)
    title = given["words"] if given else re.sub(r"\s*\{[^{}]*\}$", "", title)
    if kind.lower() == "details":
        text = f"<details><summary>{title or 'Details'}</summary>\n\n{inner}\n\n</details>"
    else:
        text = boxed(kind, title or ("" if kind.lower() in KINDS else kind), inner)
    return indent(text, box.opened["before"])
