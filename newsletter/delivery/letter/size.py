"""How heavy an issue's mail is, and what makes it lighter: Gmail shows 102,400 bytes of a part."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.delivery.letter.rendering import FrozenLetter
from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue, IssueItem

HTML_BYTES_MAX = 74_800  # 102,400 in base64, where Gmail cuts a mail off
HTML_BYTES_WARN = HTML_BYTES_MAX * 8 // 10
READER_BYTES = 600  # for a reader's long address and links
# In templates/email/issue.html. Looked for as texts: 0.1 ms for a mail of 49 KB, 13 ms by html.parser, and what is
# weighed is the octets between them. An author who types such a tag makes the advice name another post, no more.
POST, AFTER_POST = '<div class="post"', '<hr class="between"'
EXCERPT_BYTES = 1_200  # about what an excerpt with its picture takes


@dataclass(frozen=True)
class Weight:
    """The size of a mail's HTML in bytes, with a reader's fields, and the posts to shorten, by their place."""

    size: int
    to_shorten: tuple[int, ...] = ()

    @property
    def is_large(self) -> bool:
        return self.size > HTML_BYTES_WARN

    @property
    def is_too_large(self) -> bool:
        return self.size > HTML_BYTES_MAX

    @property
    def share(self) -> int:
        """Return per cent of what Gmail shows."""
        return self.size * 100 // HTML_BYTES_MAX

    def advice(self) -> str:
        """Return what the author can do, in a sentence."""
        if not self.to_shorten:
            return _("Shorten the introduction and the closing.")
        places = _(" and ").join(str(place) for place in self.to_shorten)
        words = ngettext("Set post %(places)s to excerpt.", "Set posts %(places)s to excerpt.", len(self.to_shorten))
        return words % {"places": places}

    def refusal(self) -> str:
        """Return why the mail cannot be sent as it is; empty if it can."""
        if not self.is_too_large:
            return ""
        words = _("The mail is too large: Gmail would show only its first %(share)d %%. %(advice)s")
        return words % {"share": 100 * HTML_BYTES_MAX // self.size, "advice": self.advice()}


def weigh(issue: Issue, letter: FrozenLetter | Mailing) -> Weight:
    """Weigh the letter of `issue` as it is frozen."""
    size = len(letter.html.encode()) + READER_BYTES
    return Weight(size, _to_shorten(issue, letter.html, size - HTML_BYTES_MAX) if size > HTML_BYTES_MAX else ())


def _to_shorten(issue: Issue, html: str, excess: int) -> tuple[int, ...]:
    """Return the places, from 1, of the fewest posts whose excerpts would make the mail fit."""
    chosen: list[int] = []
    for size, place in sorted(_in_full(issue, html), reverse=True):
        if excess <= 0 or size <= EXCERPT_BYTES:
            break
        chosen.append(place)
        excess -= size - EXCERPT_BYTES
    return tuple(sorted(chosen))


def _in_full(issue: Issue, html: str) -> list[tuple[int, int]]:
    """Return size in the mail and place of the posts that are shown in full."""
    shown = [piece.partition(AFTER_POST)[0] for piece in html.split(POST)[1:]]
    pairs = zip(issue.items.all(), shown, strict=False)  # an edit since the freeze may have put posts in, or out
    return [(len(s.encode()), n) for n, (item, s) in enumerate(pairs, 1) if item.form == IssueItem.Form.FULL]
