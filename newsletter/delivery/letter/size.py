"""How heavy an issue's mail is, and what makes it lighter: Gmail shows 102,400 bytes of a part."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.delivery.letter.rendering import FrozenLetter, html_with
from newsletter.delivery.links import kept
from newsletter.delivery.models import Mailing
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts.models import Post
from newsletter.publication.models import Publication

HTML_BYTES_MAX = 74_800  # 102,400 in base64, where Gmail cuts a mail off
HTML_BYTES_WARN = HTML_BYTES_MAX * 8 // 10
PART_BYTES_MAX = 102_400  # the same limit, as Gmail counts it
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
    def encoded(self) -> int:
        """Return the bytes that the mail has on its way, of which Gmail shows PART_BYTES_MAX."""
        return encoded(self.size)

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


def encoded(size: int) -> int:
    """Return the bytes that `size` bytes of HTML have in the mail: base64 in lines."""
    return size * PART_BYTES_MAX // HTML_BYTES_MAX


def weights_by_form(issue: Issue, posts: Iterable[Post]) -> dict[int, dict[str, int]]:
    """Return for the key of each post how many bytes of HTML it takes in the mail of `issue`, in each form.

    Measured on one letter that has each post in every form. issue: may be one that is not saved.
    """
    forms = list(IssueItem.Form)
    items = [IssueItem(post=post, form=form) for post in posts for form in forms]
    if not items:
        return {}
    shown = _shown(html_with(issue, items))
    found: dict[int, dict[str, int]] = {}
    for item, size in zip(items, shown, strict=True):
        found.setdefault(item.post_id, {})[item.form] = size
    return found


def weight_of_text(source: str) -> int:
    """Return about how many bytes of HTML a text takes in a mail, whether or not it is of a saved post.

    Measured on two letters, one with it and one without: within 1.5 KB of `weights_by_form`.
    """
    with_it, without = (html_with(Issue(number=1, introduction=text), []) for text in (source, ""))
    return len(with_it.encode()) - len(without.encode())


def weigh(issue: Issue, letter: FrozenLetter | Mailing) -> Weight:
    """Weigh the letter of `issue` as it is frozen; where links are counted, with the addresses that it then has."""
    is_counted = getattr(letter, "counts_links", False) or Publication.objects.current().counts_links
    html = kept.with_longest(letter.html, issue) if is_counted else letter.html
    size = len(html.encode()) + READER_BYTES
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
    # An edit since the freeze may have put posts in, or out.
    pairs = enumerate(zip(issue.items.all(), _shown(html), strict=False), start=1)
    return [(size, place) for place, (item, size) in pairs if item.form == IssueItem.Form.FULL]


def _shown(html: str) -> list[int]:
    """Return the bytes of each post that a letter shows, in their order."""
    return [len(piece.partition(AFTER_POST)[0].encode()) for piece in html.split(POST)[1:]]
