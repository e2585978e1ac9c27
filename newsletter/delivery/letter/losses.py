"""Losses: characters of an issue that some of its forms (mail, plain text, web, feed) do not show. Also its size."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from newsletter.delivery.letter.rendering import FrozenLetter, html_with
from newsletter.delivery.links import rewriting
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.rehearsals import ERROR, OK, Rehearsal, RehearsalRemark
from newsletter.issues.models import Issue, IssueItem
from newsletter.mail.message import Mail
from newsletter.mail.salutations import fill_name_slots_with_fallbacks, without_name_slots
from newsletter.posts.feeds import feed_entry
from newsletter.posts.markdown import render
from newsletter.posts.models import Post
from newsletter.posts.proofreading.masking import merge_fields
from newsletter.posts.syndication import atom_entry
from newsletter.posts.text.missing_text import SHOWN_MAX, compared_characters, find_missing_text, visible_text
from newsletter.publication.models import Publication

LOSSES_SHOWN = 20  # of an issue; further ones follow from the first mistake


@dataclass(frozen=True)
class Loss:
    """Characters in a line of a text that some forms do not show.

    Without forms: a merge field of another program, which readers would see as typed.
    """

    title: str
    line: int
    text: str
    forms: tuple[str, ...] = ()

    def __str__(self) -> str:
        values = {"title": self.title, "line": self.line, "text": self.text, "forms": _(", ").join(self.forms)}
        if not self.forms:
            return _("“%(title)s”, line %(line)d, a field that nobody fills in: %(text)s") % values
        return _("“%(title)s”, line %(line)d, not shown (%(forms)s): %(text)s") % values


@dataclass(frozen=True)
class TypedText:
    title: str
    typed: str
    forms: Mapping[str, str]
    is_markdown: bool = True

    def losses(self) -> Iterator[Loss]:
        lost: dict[tuple[int, str], list[str]] = {}
        for form, shown in self.forms.items():
            for line, missing in self._missing(shown):
                lost.setdefault((line, missing), []).append(form)
        for (line, missing), forms in sorted(lost.items()):
            yield Loss(self.title, line, missing, tuple(forms))

    def unfilled(self) -> Iterator[Loss]:
        return (Loss(self.title, line, found) for line, found in merge_fields(self.typed))

    def _missing(self, shown: str) -> list[tuple[int, str]]:
        if self.is_markdown:
            return [(one.line, one.text) for one in find_missing_text(self.typed, shown)]
        is_there = compared_characters(self.typed) in compared_characters(shown)
        return [] if is_there else [(1, f"…{self.typed[-SHOWN_MAX:]}" if len(self.typed) > SHOWN_MAX else self.typed)]


def losses(issue: Issue, letter: FrozenLetter | Mailing, note: str = "") -> Sequence[Loss]:
    """The losses of `issue`, and its merge fields of other programs.

    letter: frozen. note: of a correction, in Markdown.
    """
    mail = {_("Mail"): visible_text(without_name_slots(letter.html)), _("Plain text"): without_name_slots(letter.text)}
    texts = [*_issue_texts(issue, {_("Subject"): letter.subject}, mail, note), *_post_texts(issue, mail)]
    lost = [loss for text in texts for loss in text.losses()]
    return [*lost, *(one for text in texts for one in text.unfilled())]


def losses_in_mail(title: str, typed: str, mail: Mail) -> list[Loss]:
    html = next(str(part[0]) for part in mail.alternatives)
    typed = fill_name_slots_with_fallbacks(typed)
    text = TypedText(title, typed, {_("Mail"): visible_text(html), _("Plain text"): str(mail.body)})
    return [*text.losses(), *text.unfilled()]


def losses_digest(lost: Sequence[Loss]) -> str:
    """The hash by which the author acknowledges exactly these losses; "" if there are none."""
    return sha256("\x00".join(map(repr, lost)).encode(errors="surrogatepass")).hexdigest() if lost else ""


def _issue_texts(issue: Issue, subject: dict[str, str], mail: dict[str, str], note: str) -> Iterator[TypedText]:
    yield TypedText(_("Subject"), issue.subject, subject | mail, is_markdown=False)
    yield TypedText(_("Preheader"), issue.preheader, {_("Mail"): mail[_("Mail")]}, is_markdown=False)
    for title, source in (
        (_("Correction"), note),
        (_("Introduction"), fill_name_slots_with_fallbacks(issue.introduction)),
        (_("Closing"), fill_name_slots_with_fallbacks(issue.closing)),
    ):
        yield TypedText(title, source, mail | {_web_page_label(): visible_text(render.render(source))})
    yield TypedText(_("Signature"), Publication.objects.current().signature, mail)


def _post_texts(issue: Issue, mail: dict[str, str]) -> Iterator[TypedText]:
    for item in issue.items.select_related("post__cover", "post__series").prefetch_related("post__tags"):
        post, feed = item.post, atom_entry(feed_entry(item.post))
        yield TypedText(post.title, post.title, mail | {_("Feed"): feed["title"]}, is_markdown=False)
        as_excerpt = mail if item.form == IssueItem.Form.EXCERPT else {}
        yield TypedText(post.title, post.summary, as_excerpt | {_("Feed"): feed["summary"]}, is_markdown=False)
        in_full = mail if item.form == IssueItem.Form.FULL else {}
        elsewhere = {_web_page_label(): visible_text(post.html), _("Feed"): visible_text(feed["content"])}
        yield TypedText(post.title, post.body, in_full | elsewhere)
        if post.cover:
            title = _("Cover of “%(title)s”") % {"title": post.title}
            yield TypedText(title, post.cover.alt, as_excerpt, is_markdown=False)


def _web_page_label() -> str:
    return pgettext("form of a text", "Web page")


def check_losses(issue: Issue, letter: FrozenLetter | Mailing) -> Iterable[RehearsalRemark]:
    """Yield an error for each loss, which must be fixed or acknowledged before sending."""
    found = losses(issue, letter)
    name = _("For the reader's name write {name|friend}: the second word is for those who gave none.")
    hint = _("Put a program or a tag between backquotes, and readers see it as typed.")
    for one in found[:LOSSES_SHOWN]:
        yield RehearsalRemark(Rehearsal.Topic.FORMAT, ERROR, str(one), hint if one.forms else name)
    if not found:
        text = _("Every letter and digit of the texts is shown in all their forms.")
        yield RehearsalRemark(Rehearsal.Topic.FORMAT, OK, text)


HTML_BYTES_MAX = 74_800  # 102,400 in base64, where Gmail clips a mail
HTML_BYTES_WARN = HTML_BYTES_MAX * 8 // 10
PART_BYTES_MAX = 102_400  # the same limit, as Gmail counts it
READER_BYTES = 600  # allowance for a reader's address and links
# In templates/email/issue.html. If an author types such a tag, the advice names another post, no more.
POST_START, POST_END = '<div class="post"', '<hr class="between"'
EXCERPT_BYTES = 1_200  # about the size of an excerpt with its picture


@dataclass(frozen=True)
class Weight:
    """size: of a mail's HTML in bytes, with a reader's fields. to_shorten: places of posts, from 1."""

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
        return self.size * 100 // HTML_BYTES_MAX

    def __str__(self) -> str:
        sizes = {"size": size_text(self.size), "most": size_text(HTML_BYTES_MAX)}
        return _("%(size)s of the %(most)s that Gmail shows") % sizes

    def advice(self) -> str:
        if not self.to_shorten:
            return _("Shorten the introduction and the closing.")
        places = _(" and ").join(str(place) for place in self.to_shorten)
        text = ngettext("Set post %(places)s to excerpt.", "Set posts %(places)s to excerpt.", len(self.to_shorten))
        return text % {"places": places}

    def refusal(self) -> str:
        if not self.is_too_large:
            return ""
        text = _("The mail is too large: Gmail would show only its first %(share)d %%. %(advice)s")
        return text % {"share": 100 * HTML_BYTES_MAX // self.size, "advice": self.advice()}


def size_text(size: int) -> str:
    """`size` bytes of HTML as Gmail counts them, in base64: the one size of a letter that authors read."""
    kilobytes = round(size * PART_BYTES_MAX / HTML_BYTES_MAX / 1000)
    return _("%(size)d KB") % {"size": kilobytes} if kilobytes else _("less than 1 KB")


def weights_by_form(issue: Issue, posts: Iterable[Post]) -> dict[int, dict[str, int]]:
    """Bytes of HTML in the mail of `issue`, by post key and form.

    Measured on one letter with each post in every form. issue: may be unsaved.
    """
    forms = list(IssueItem.Form)
    items = [IssueItem(post=post, form=form) for post in posts for form in forms]
    if not items:
        return {}
    sizes = _post_sizes(html_with(issue, items))
    found: dict[int, dict[str, int]] = {}
    for item, size in zip(items, sizes, strict=True):
        found.setdefault(item.post_id, {})[item.form] = size
    return found


def weight_of_text(source: str) -> int:
    """The approximate bytes of HTML of a Markdown text in a mail.

    The difference of two letters, with and without it; within 1.5 KB of `weights_by_form`.
    """
    with_it, without = (html_with(Issue(number=1, introduction=text), []) for text in (source, ""))
    return len(with_it.encode()) - len(without.encode())


def weigh_letter(issue: Issue, letter: FrozenLetter | Mailing) -> Weight:
    """Weigh a frozen letter; if links are counted, with the rewritten URLs."""
    is_counted = getattr(letter, "counts_links", False) or Publication.objects.current().counts_links
    html = rewriting.with_longest_urls(letter.html, issue) if is_counted else letter.html
    size = len(html.encode()) + READER_BYTES
    return Weight(size, _to_shorten(issue, letter.html, size - HTML_BYTES_MAX) if size > HTML_BYTES_MAX else ())


def _to_shorten(issue: Issue, html: str, excess: int) -> tuple[int, ...]:
    """The positions, from 1, of the fewest posts whose excerpts would make the mail fit."""
    # An edit since the freeze may have added or removed posts.
    pairs = enumerate(zip(issue.items.all(), _post_sizes(html), strict=False), start=1)
    full = [(size, place) for place, (item, size) in pairs if item.form == IssueItem.Form.FULL]
    chosen: list[int] = []
    for size, place in sorted(full, reverse=True):
        if excess <= 0 or size <= EXCERPT_BYTES:
            break
        chosen.append(place)
        excess -= size - EXCERPT_BYTES
    return tuple(sorted(chosen))


def _post_sizes(html: str) -> list[int]:
    return [len(piece.partition(POST_END)[0].encode()) for piece in html.split(POST_START)[1:]]
