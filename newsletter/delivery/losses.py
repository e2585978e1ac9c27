"""What readers of an issue are not shown of what its author typed: each text beside the four forms it is read in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from newsletter.delivery.rehearsals import ERROR, OK, Rehearsal, Remark
from newsletter.issues.models import Issue, IssueItem
from newsletter.posts import markdown
from newsletter.posts.comparison import unshown, words_of
from newsletter.posts.feeds import content_of
from newsletter.posts.models import Post
from newsletter.publication.models import Publication

LOSSES_SHOWN = 20  # of an issue; more of them is one mistake, made at the first


@dataclass(frozen=True)
class Loss:
    """Characters that some readers are not shown: of which text, in which line of it, and in which forms."""

    title: str
    line: int
    text: str
    forms: tuple[str, ...]

    def __str__(self) -> str:
        facts = {"title": self.title, "line": self.line, "text": self.text, "forms": _(", ").join(self.forms)}
        return _("“%(title)s”, line %(line)d, not shown (%(forms)s): %(text)s") % facts


def losses(issue: Issue, html: str, text: str) -> list[Loss]:
    """Return what `issue` says and its readers are not shown, at most LOSSES_SHOWN places.

    html, text: the two parts of its letter, as they are frozen.
    """
    letter = {_("Mail"): words_of(html), _("Plain text"): text}
    found = [*_of_words(issue, letter)]
    for item in issue.items.select_related("post"):
        in_full = letter if item.form == IssueItem.Form.FULL else {}
        found += _compared(item.post.title, item.post.body, in_full | _elsewhere(item.post))
    return found[:LOSSES_SHOWN]


def _of_words(issue: Issue, letter: Mapping[str, str]) -> Iterator[Loss]:
    """Yield what is lost of the author's words around the posts."""
    page = pgettext("form of a text", "Web page")
    for title, source in ((_("Introduction"), issue.introduction), (_("Closing"), issue.closing)):
        yield from _compared(title, source, {**letter, page: words_of(markdown.render(source))})
    yield from _compared(_("Signature"), Publication.objects.current().signature, letter)


def _elsewhere(post: Post) -> dict[str, str]:
    return {pgettext("form of a text", "Web page"): words_of(post.html), _("Feed"): words_of(content_of(post))}


def _compared(title: str, source: str, forms: Mapping[str, str]) -> Iterable[Loss]:
    lost: dict[tuple[int, str], list[str]] = {}
    for form, words in forms.items():
        for one in unshown(source, words):
            lost.setdefault((one.line, one.text), []).append(form)
    return [Loss(title, line, text, tuple(names)) for (line, text), names in sorted(lost.items())]


def check_losses(issue: Issue, html: str, text: str) -> Iterator[Remark]:
    """Yield an error for each loss; it must be mended, or acknowledged before sending."""
    found = losses(issue, html, text)
    hint = _("Put a program or a tag between backquotes, and readers see it as typed.")
    for one in found:
        yield Remark(Rehearsal.Topic.FORMAT, ERROR, str(one), hint)
    if not found:
        yield Remark(Rehearsal.Topic.FORMAT, OK, _("Every letter and digit of the texts is shown in all their forms."))
