"""What a post of Ghost was written in, as Markdown. Pure."""

import json
import re
from collections.abc import Iterator

from newsletter.posts.importers.account import compared
from newsletter.posts.importers.folder.raw_html import replaced
from newsletter.posts.importers.ghost.export import Row
from newsletter.posts.importers.html.converting import Converted, as_typed, converted, measured, shown
from newsletter.posts.importers.html.places import with_places
from newsletter.posts.importers.html.tree import parse
from newsletter.posts.importers.imported import Rejected
from newsletter.posts.importers.markdown_breaks import with_hard_breaks

_GATED = re.compile(
    r"<!--kg-gated-block:begin (?P<whom>[^>]{0,300})-->(?P<inner>.*?)<!--kg-gated-block:end-->", re.DOTALL
)
_EDITOR = re.compile(r"<!--\s*kg-card-(?:begin|end)\b[^>]{0,100}-->")
# What an empty draft has none of: words, pictures and cards in Lexical; words and cards in Mobiledoc.
_WRITTEN = re.compile(
    r'"(?:text|src|url|html|markdown|code)"\s*:\s*"[^"]|\],\s*\d+,\s*"[^"]|"cards"\s*:\s*\[\s*\[|"type"\s*:\s*"paywall"'
)


def body_of(post: Row) -> Converted:
    """Return the text of a post: Markdown as it was typed if its page says the same, otherwise its page.

    Ghost makes HTML at each save, and keeps it beside the source. Raises Rejected where a source has none.
    """
    html = _page_of(post)
    typed = next(filter(None, _typed(post)), "")
    if not html.strip():
        return with_places(_as_markdown(typed or _plain(post)))
    page = measured(parse(html))
    if typed:
        made = _as_markdown(typed)
        if not compared(page, shown(made.markdown), made.remarks):
            return with_places(Converted(made.markdown, page, made.remarks, html))
    made = converted(html)
    return with_places(Converted(made.markdown, page, made.remarks, html))


def _page_of(post: Row) -> str:
    """Return the page of a post, without the marks of the editor, and with what was for members marked as such."""
    return _EDITOR.sub("", _GATED.sub(_gated, str(post.get("html") or "")))


def _gated(found: re.Match[str]) -> str:
    is_open = "nonMember:true" in found["whom"]
    return found["inner"] if is_open else f'<div class="kg-members-only">{found["inner"]}</div>'


def _typed(post: Row) -> Iterator[str]:
    """Yield Markdown that an author typed: Ghost's before 1.0, or the only card of a post since."""
    yield str(post.get("markdown") or "")
    for name in ("lexical", "mobiledoc"):
        try:
            yield _only_card(json.loads(str(post.get(name) or "{}")))
        except (ValueError, RecursionError, TypeError, KeyError, IndexError, AttributeError):
            continue


def _only_card(document: Row) -> str:
    """Return the Markdown of a document that is one card of it, maybe with an empty paragraph; "" of any other."""
    if root := document.get("root"):
        parts = [part for part in root["children"] if part["type"] != "paragraph" or part["children"]]
        return str(parts[0]["markdown"]) if len(parts) == 1 and parts[0]["type"] == "markdown" else ""
    parts = [part for part in document["sections"] if part[0] != 1 or part[2]]
    [[name, payload]] = document["cards"] if len(parts) == 1 and parts[0][0] == 10 else [["", {}]]
    return str(payload["markdown"]) if name in {"markdown", "card-markdown"} else ""


def _plain(post: Row) -> str:
    if text := str(post.get("plaintext") or ""):
        return text
    if any(_WRITTEN.search(str(post.get(name) or "")) for name in ("lexical", "mobiledoc")):
        raise Rejected("the export has no page of it; save it in Ghost and export again")
    return ""


def _as_markdown(typed: str) -> Converted:
    """Return what was Markdown as it was typed, with Ghost's ends of lines."""
    plain = with_hard_breaks(typed).strip()
    text, remarks = replaced(plain)
    return Converted(text, shown(plain), tuple(remarks), as_typed(typed))
