"""What a post of Ghost was written in, as Markdown: the first of its forms that says what its page said. Pure."""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby

from newsletter.posts.importers.account import compared
from newsletter.posts.importers.folder.raw_html import replaced
from newsletter.posts.importers.ghost import lexical, mobiledoc
from newsletter.posts.importers.ghost.export import Row
from newsletter.posts.importers.html.converting import Converted, as_typed, converted, measured, shown
from newsletter.posts.importers.html.counts import Counts
from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.importers.html.places import with_places
from newsletter.posts.importers.html.tree import parse
from newsletter.posts.importers.markdown_breaks import with_hard_breaks

_GATED = re.compile(
    r"<!--kg-gated-block:begin (?P<whom>[^>]{0,300})-->(?P<inner>.*?)<!--kg-gated-block:end-->", re.DOTALL
)
_EDITOR = re.compile(r"<!--\s*kg-card-(?:begin|end)\b[^>]{0,100}-->")

type Piece = tuple[str, str]  # "html" or "markdown", and the text


def body_of(post: Row) -> Converted:
    """Return the text of a post.

    Ghost keeps the source of a post and the HTML that it made of it. Where the source, as we read it, says something
    else than the HTML, the HTML is what readers saw: it is taken.
    """
    html = _page_of(post)
    before = measured(parse(html)) if html.strip() else None
    found: list[tuple[int, Converted]] = []
    for pieces in _forms(post):
        made = _joined(pieces)
        against = before if before is not None else made.before
        differences = compared(against, shown(made.markdown), made.remarks)
        made = Converted(made.markdown, against, made.remarks, html or made.page)
        if not differences:
            return with_places(made)
        found.append((len(differences), made))
    return with_places(min(found, key=lambda one: one[0])[1]) if found else Converted("")


def _page_of(post: Row) -> str:
    """Return the page of a post, without the marks of the editor, and with what was for members marked as such."""
    return _EDITOR.sub("", _GATED.sub(_gated, str(post.get("html") or "")))


def _gated(found: re.Match[str]) -> str:
    is_open = "nonMember:true" in found["whom"]
    return found["inner"] if is_open else f'<div class="kg-members-only">{found["inner"]}</div>'


def _forms(post: Row) -> Iterator[list[Piece]]:
    """Yield the text in each form that the export has, the one that authors would know first."""
    if text := str(post.get("lexical") or ""):
        with suppress(lexical.NoLexical):
            yield lexical.pieces(text)
    if text := str(post.get("mobiledoc") or ""):
        with suppress(mobiledoc.NoMobiledoc):
            yield mobiledoc.pieces(text)
    if text := str(post.get("markdown") or ""):
        yield [("markdown", text)]
    if text := _page_of(post):
        yield [("html", text)]
    elif text := str(post.get("plaintext") or ""):
        yield [("markdown", text)]


def _joined(pieces: list[Piece]) -> Converted:
    """Return the pieces as one text: what was Markdown stays as it was typed, with Ghost's ends of lines."""
    texts, pages = list[str](), list[str]()
    before, remarks = Counts(), list[Remark]()
    for kind, run in groupby(pieces, key=lambda piece: piece[0]):
        typed = [text for _kind, text in run]
        if kind == "markdown":
            plain = "\n\n".join(with_hard_breaks(text).strip() for text in typed)
            text, own = replaced(plain)
            texts.append(text)
            pages += map(as_typed, typed)
            before += shown(plain)
            remarks += own
        else:
            made = converted("\n".join(typed))
            texts.append(made.markdown)
            pages.append(made.page)
            before += made.before
            remarks += made.remarks
    return Converted("\n\n".join(text for text in texts if text), before, tuple(remarks), "\n".join(pages))
