"""Formulas in TeX, which other programs draw by a script: code here, so that no sign of them is a mark. Pure."""

import re

from newsletter.posts.importers.folder.code import outside_code
from newsletter.posts.importers.html.notes import Remark

_BLOCK = re.compile(r"(?<!\\)\$\$(?P<tex>[^$]{1,4000}?)\$\$")
# A dollar is money more often than a formula: one has a sign of TeX in it, and no spaces at its ends.
_INLINE = re.compile(r"(?<![\\$\w])\$(?=\S)(?P<tex>[^$\n]{1,400}?)(?<=\S)\$(?![\w$])")
_TEX = re.compile(r"\\[a-zA-Z]|[\^_]|[=<>]|^[a-zA-Z]$")


def as_code(text: str, remarks: list[Remark]) -> str:
    """Return the text with its formulas as code; name them."""
    return outside_code(text, lambda part: _plain(part, remarks)) if "$" in text else text


def _plain(text: str, remarks: list[Remark]) -> str:
    def block(found: re.Match[str]) -> str:
        tex = found["tex"].strip()
        if not tex:
            return found[0]
        _name(tex, remarks)
        is_alone = "\n" in found["tex"] or _is_alone(found)
        return f"\n\n```latex\n{tex}\n```\n\n" if is_alone else _inline(tex)

    def inline(found: re.Match[str]) -> str:
        tex = found["tex"]
        if not _TEX.search(tex) or "](" in tex or "`" in tex:
            return found[0]
        _name(tex, remarks)
        return _inline(tex)

    return outside_code(_BLOCK.sub(block, text), lambda part: _INLINE.sub(inline, part))


def _is_alone(found: re.Match[str]) -> bool:
    """Return whether nothing else stands on the line of a formula."""
    before, after = found.string[: found.start()].rpartition("\n")[2], found.string[found.end() :].partition("\n")[0]
    return not before.strip() and not after.strip()


def _inline(tex: str) -> str:
    return f"`{' '.join(tex.split())}`" if "`" not in tex else f"``{' '.join(tex.split())}``"


def _name(tex: str, remarks: list[Remark]) -> None:
    remarks.append(Remark("a formula is written as it was typed", " ".join(tex.split())[:80], is_loss=False))
