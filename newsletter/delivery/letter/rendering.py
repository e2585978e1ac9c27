"""From an issue to a letter with slots, and from a letter to one reader's message. Sends nothing."""

import html
import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import cast

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.encoding import punycode
from django.utils.formats import date_format
from django.utils.html import format_html

from newsletter.delivery.days import free_slots
from newsletter.delivery.links import rewriting
from newsletter.delivery.models import Mailing, Quote
from newsletter.issues.models import Issue, IssueItem
from newsletter.mail import headers, letters, salutations
from newsletter.mail import html as mail_html
from newsletter.mail.characters import single_line
from newsletter.mail.html import stacked
from newsletter.mail.message import SUBJECT_LENGTH, Letter, Mail, build, shortened
from newsletter.mail.salutations import without_names
from newsletter.mail.spacing import spaced
from newsletter.posts.markdown import highlighting, render
from newsletter.posts.models.images import Image
from newsletter.posts.text import measures
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

# A slot is a name between two control characters, which no author can type: content cannot collide with it.
SLOT = re.compile("\x02([a-z_]+)\x03")


def slot(name: str) -> str:
    return f"\x02{name}\x03"


MEDIA = re.compile("/media/([0-9a-f]{16})/")
BRIEF = 800  # characters: a shorter letter shows its addresses
TWO_LINES = 60  # characters
PREHEADER_LENGTH, PREHEADER_MIN = 100, 40  # characters that inboxes show

SLOTS = {
    name: slot(name) for name in ("email", "unsubscribe_url", "preferences_url", "feedback_url", "invite_url", "day")
}


@dataclass(frozen=True)
class FrozenLetter:
    """An issue as every reader gets it, with slots for the reader's own fields.

    quotes: the keys of those in it. Their readers may take them back until the letter is kept.
    """

    sender_name: str
    sender_email: str
    reply_to: str
    subject: str
    html: str
    text: str
    quotes: tuple[int, ...] = ()

    @property
    def content_hash(self) -> str:
        """Return the hash of what readers get; two letters with one hash are the same."""
        return sha256("\x00".join(self._shown().values()).encode()).hexdigest()

    def columns(self) -> dict[str, str]:
        """Return the columns of Mailing that keep it, with their hash."""
        return self._shown() | {"content_hash": self.content_hash}

    def _shown(self) -> dict[str, str]:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "quotes"}


def issue_context(issue: Issue, publication: Publication, items: list[IssueItem] | None = None) -> dict[str, object]:
    """Return what templates/email/issue.html shows.

    items: what stands in the letter instead of the issue's own.
    """
    issue = _legible(issue)
    if items is None:
        items = list(issue.items.select_related("post__cover").prefetch_related("post__tags"))
    return {
        "issue": issue,
        "publication": publication,
        "items": [_entry(item, publication) for item in items],
        "is_digest": publication.look == Publication.Look.DIGEST,
        "preheader": _preheader(issue, items),
        "is_brief": _is_brief(issue, items),
        "introduction": greeting_html(issue.introduction),
        "closing": greeting_html(issue.closing),
        "quotes": list(Quote.objects.filter(issue=issue.pk)) if issue.pk else [],
        "signature": author_html(publication.signature),
        "site_url": settings.SITE_URL,
        "web_url": settings.SITE_URL + issue.get_absolute_url(),
        "code_colours": highlighting.colours_at_night(),
        "reader": format_html('<span class="reader">{}</span>', SLOTS["email"]),
        **SLOTS,
    }


def _entry(item: IssueItem, publication: Publication) -> dict[str, object]:
    """Return what the mail shows of a post; its day is the author's, wherever the worker stands."""
    post, cover = item.post, item.post.cover  # read for this letter alone
    post.title = single_line(post.title)
    if cover:
        cover.alt = single_line(cover.alt)
    return {
        "item": item,
        "post": post,
        "url": settings.SITE_URL + post.get_absolute_url(),
        "published_on": post.published_at.astimezone(publication.zone).date() if post.published_at else None,
        "html": without_names(author_html(post.body)) if item.form == IssueItem.Form.FULL else "",
        "cover": mail_html.attributes(cover.width, cover.height) if cover else "",
        "lines": _lines(item, is_digest=publication.look == Publication.Look.DIGEST),
        "thumbnail": settings.SITE_URL + cover.address("fallback", cover.widths("fallback")[0]) if cover else "",
    }


def _lines(item: IssueItem, *, is_digest: bool) -> str:
    """Return what a post that is not shown in full says of itself. What its author wrote for that is never cut."""
    if item.form == IssueItem.Form.LINK:
        return measures.first_sentence(item.post.excerpt)
    if is_digest and not item.post.summary:
        return measures.first_sentences(item.post.excerpt, TWO_LINES)
    return item.post.excerpt


def _is_brief(issue: Issue, items: list[IssueItem]) -> bool:
    """Return whether the addresses in the text part would take more room than what the letter says.

    Filters take that for a sign of spam, unless the HTML shows them too.
    """
    said = [issue.subject, issue.introduction, issue.closing, *(item.post.title for item in items)]
    said += [item.post.body for item in items if item.form == IssueItem.Form.FULL]
    said += [item.post.excerpt for item in items if item.form == IssueItem.Form.EXCERPT]
    return sum(map(len, said)) < BRIEF


def _preheader(issue: Issue, items: list[IssueItem]) -> str:
    """Return the author's preheader or the beginning; a short one goes on with the titles, not with the masthead."""
    found = issue.preheader or _beginning(issue, items)
    for item in items:
        if len(found) < PREHEADER_MIN and item.post.title not in found:
            found = f"{found}｜{item.post.title}" if found else item.post.title
    return found if len(found) <= PREHEADER_LENGTH or found == issue.preheader else f"{found[: PREHEADER_LENGTH - 1]}…"


def _beginning(issue: Issue, items: list[IssueItem]) -> str:
    """Return the first sentences that an inbox may show after the subject."""
    if issue.introduction.strip():
        return measures.excerpt(without_names(render.render(issue.introduction)), PREHEADER_LENGTH)
    return items[0].post.excerpt[:PREHEADER_LENGTH] if items else ""


def author_html(source: str) -> str:
    """Return an author's text as a part of the mail: below the titles, its pictures no wider than the column."""
    if not source.strip():
        return ""
    pictures = Image.objects.filter(digest__in=MEDIA.findall(source))
    sizes = {settings.SITE_URL + one.get_absolute_url(): (one.width, one.height) for one in pictures}
    rendered = render.render_mail(source, base_url=settings.SITE_URL)
    return stacked(mail_html.named_colours(mail_html.sized(mail_html.demoted(rendered), sizes)))


def greeting_html(source: str) -> str:
    """Return what `author_html` does, with a slot where the author wrote `{name|friend}`."""
    return salutations.slotted(author_html(source))


def freeze(issue: Issue, note: str = "") -> FrozenLetter:
    """Render `issue` once, as it is now, for all its readers.

    note: what was wrong, in Markdown, on top of a correction; "" for the issue itself.
    Raises PicturesAway: without the logo it would be another letter. What is frozen needs no picture any more.
    """
    publication = Publication.objects.current()
    with translation.override(publication.language):
        subject = subject_line(issue, publication, is_correction=bool(note))
        context = issue_context(issue, publication) | {"correction": author_html(note)}
        letter = letters.render("issue", subject, context, base_url=settings.SITE_URL, needs_pictures=True)
    name, address = publication.sender
    return FrozenLetter(
        sender_name=name,
        sender_email=address,
        reply_to=publication.reply_to,
        subject=letter.subject,
        html=letter.html,
        text=letter.text,
        quotes=tuple(quote.pk for quote in cast("list[Quote]", context["quotes"])),
    )


def html_with(issue: Issue, items: list[IssueItem]) -> str:
    """Return the HTML of a letter of `issue` in which `items` stand instead of its own, to read or to weigh it.

    Raises PicturesAway, as `freeze` does. The text part, which is not made, takes two fifths of the time.
    """
    publication = Publication.objects.current()
    with translation.override(publication.language):
        subject = subject_line(issue, publication, is_correction=False)
        context = issue_context(issue, publication, items)
        return letters.render_html("issue", subject, context, base_url=settings.SITE_URL, needs_pictures=True)


def _legible(issue: Issue) -> Issue:
    """Return a copy of `issue` without control characters in its lines: one of them could pass for a slot.

    Every form takes them out; a row that was written before they did, or by hand, must reach nobody with them.
    """
    issue = copy(issue)
    issue.subject, issue.preheader = single_line(issue.subject), single_line(issue.preheader)
    return issue


def subject_line(issue: Issue, publication: Publication, *, is_correction: bool) -> str:
    """Return the words of the author, with the number where there is room: their words are not cut for it."""
    corrected = translation.gettext("Correction: %(subject)s") if is_correction else "%(subject)s"
    typed = corrected % {"subject": single_line(issue.subject)}
    words = shortened(letters.spaced_subject(typed, publication.spelled()))
    numbered = NUMBERED[publication.numbered]() % {"subject": words, "number": issue.number}
    numbered = letters.spaced_subject(numbered, publication.spelled())
    return numbered if len(numbered) <= SUBJECT_LENGTH else words


NUMBERED: dict[str, Callable[[], str]] = {
    Publication.Numbered.LAST: lambda: translation.pgettext("subject of a mail", "%(subject)s (No. %(number)d)"),
    Publication.Numbered.FIRST: lambda: translation.pgettext("subject of a mail", "No. %(number)d: %(subject)s"),
    Publication.Numbered.NOT: lambda: "%(subject)s",
}


def fill(template: str, values: Mapping[str, str], *, escaped: bool) -> str:
    """Put a reader's values into the slots, escaped for HTML or as they are for text."""
    found = {name: _value(name, values) for name in SLOT.findall(template)}
    return SLOT.sub(lambda match: html.escape(found[match[1]]) if escaped else found[match[1]], template)


def _value(slot: str, values: Mapping[str, str]) -> str:
    return values["name"] or salutations.word_of(slot) if salutations.is_for_name(slot) else values[slot]


def reader_values(subscriber: Subscriber) -> dict[str, str]:
    return {
        "email": subscriber.email,
        "name": subscriber.name,
        "unsubscribe_url": subscriber.unsubscribe_url,
        "unsubscribe_token": subscriber.token("unsubscribe"),
        "preferences_url": subscriber.preferences_url,
        "feedback_url": settings.SITE_URL + reverse("delivery:feedback", args=[subscriber.token("feedback")]),
        "invite_url": subscriber.invite_url,
    }


def leaving_address(token: str) -> str:
    """Return the address at which a mail ends a subscription; "" where nobody reads what comes to it."""
    bounces_to = Publication.objects.current().bounces_to
    return headers.return_path(bounces_to, token) if bounces_to and settings.MAILBOX_URL else ""


def complaints_to(mailing: Mailing) -> str:
    """Return where receivers may report complaints to; "" where nobody reads them, or the header would not count.

    RFC 9477 section 3.1: at another domain than the sender's it needs a second signature. The copy is named by its
    Message-ID, which a report must have.
    """
    bounces_to = Publication.objects.current().bounces_to
    is_read = bounces_to and settings.MAILBOX_URL
    return headers.ascii_address(bounces_to) if is_read and headers.is_within(bounces_to, mailing.sender_email) else ""


def parts(mailing: Mailing) -> tuple[str, str]:
    """Return HTML and text of a mailing with its day filled in: what is left are the reader's own slots.

    The day is not frozen, because a mailing may be moved to another one after its approval. Where links are counted,
    they lead over this site: to where they led in the letter that was approved.
    """
    day = _day(mailing)
    whole, text = mailing.html.replace(SLOTS["day"], html.escape(day)), mailing.text.replace(SLOTS["day"], day)
    if not (mailing.pk and mailing.counts_links):
        return whole, text
    return rewriting.rewritten(whole, text, rewriting.addresses(mailing))


def _day(mailing: Mailing) -> str:
    """Return the day of the issue, where the author lives; that of the next free slot for one that has no time yet."""
    publication = Publication.objects.current()
    at = mailing.send_at if mailing.kind == Mailing.Kind.ISSUE else mailing.issue.sent_at
    at = at or mailing.issue.sent_at or free_slots(publication, timezone.now(), 1, issue=mailing.issue)[0]
    with translation.override(publication.language):
        return spaced(date_format(timezone.localtime(at, publication.zone), "DATE_FORMAT"))


def copy_for(mailing: Mailing, subscriber: Subscriber, *, ids: tuple[int, ...], subject_mark: str = "") -> Mail:
    """Build a reader's copy of a mailing.

    ids: what the Message-ID is made of.
    subject_mark: put before the subject, for test copies.
    """
    values = reader_values(subscriber)
    html_part, text_part = parts(mailing)
    letter = Letter(
        subject=shortened(subject_mark + mailing.subject),
        html=fill(html_part, values, escaped=True),
        text=fill(text_part, values, escaped=False),
    )
    return build(
        letter,
        sender=(mailing.sender_name, mailing.sender_email),
        to=(subscriber.name, subscriber.email),
        reply_to=mailing.reply_to,
        headers=_headers(mailing, values, ids),
    )


def _headers(mailing: Mailing, values: Mapping[str, str], ids: tuple[int, ...]) -> dict[str, str]:
    domain = mailing.sender_email.rpartition("@")[2]
    mailing_list = headers.MailingList(
        list_id=f"issues.{punycode(domain)}",
        owner=headers.ascii_address(mailing.reply_to or mailing.sender_email),
        help_url=f"{settings.SITE_URL}/about/",
        archive_url=f"{settings.SITE_URL}/issues/",
    )
    return headers.list_headers(
        mailing_list,
        values["unsubscribe_url"],
        archived_at=settings.SITE_URL + mailing.issue.get_absolute_url(),
        by_mail=leaving_address(values["unsubscribe_token"]),
        complaints_to=complaints_to(mailing),
        feedback=headers.feedback_id(mailing.issue.number, mailing.kind, domain=domain),
    ) | {"Message-ID": headers.message_id("issue", *ids, domain=domain)}
