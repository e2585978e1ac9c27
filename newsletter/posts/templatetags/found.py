"""What was found, with the words that were searched for in the light."""

from collections.abc import Iterable
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from newsletter.posts.search.index import Result
from newsletter.posts.search.snippets import Piece

register = template.Library()


@register.simple_tag
def kind_of(result: Result) -> str:
    """Return what was found: an issue by its number, which its address ends in, or a post."""
    if result.kind != "issue":
        return _("Post")
    return _("Issue %(number)s") % {"number": result.url.strip("/").rpartition("/")[2]}


@register.filter
def highlighted(pieces: Iterable[Piece]) -> SafeString:
    """Return a text with its hits in `mark`. A page has hundreds of pieces, each of which a template would look up."""
    shown = (f"<mark>{escape(piece.text)}</mark>" if piece.is_hit else escape(piece.text) for piece in pieces)
    return mark_safe("".join(shown))  # noqa: S308  # nosec B308, B703  # each piece is escaped
