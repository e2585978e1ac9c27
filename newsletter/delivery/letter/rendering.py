"""Renders an issue as a letter with placeholders, and a letter as one reader's message. Sends nothing."""

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
from django.utils.translation import gettext as _

from newsletter.delivery.links import rewriting
from newsletter.delivery.models import Mailing, Quote
from newsletter.delivery.sending_days import free_slots
from newsletter.issues.models import Issue, IssueItem
from newsletter.mail import headers, letters, salutations
from newsletter.mail import html as mail_html
from newsletter.mail.characters import single_line
from newsletter.mail.html import stack_wide_tables
from newsletter.mail.message import SUBJECT_LENGTH, Mail, MailContent, build_mail, shorten_subject
from newsletter.mail.salutations import fill_name_slots_with_fallbacks
from newsletter.mail.spacing import autospace_text
from newsletter.posts.markdown import code_highlighting, render
from newsletter.posts.models.images import Image
from newsletter.posts.text import prose
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

# A placeholder is a name between two control characters, which no author can type.
PLACEHOLDER = re.compile("\x02([a-z_]+)\x03")

MEDIA_DIGEST = re.compile("/media/([0-9a-f]{16})/")
BRIEF_LENGTH = 800  # characters: a shorter letter shows its URLs
DIGEST_TEASER_LENGTH = 60  # characters
PREHEADER_LENGTH, PREHEADER_MIN = 100, 40  # characters that inboxes show

PLACEHOLDER_NAMES = ("email", "unsubscribe_url", "preferences_url", "feedback_url", "invite_url", "day")
PLACEHOLDERS = {name: f"\x02{name}\x03" for name in PLACEHOLDER_NAMES}


@dataclass(frozen=True)
class FrozenLetter:
    """A rendered issue with placeholders for the reader's own fields.

    quote_ids: of the quotes in it, which their readers may withdraw until the letter is saved.
    """

    sender_name: str
    sender_email: str
    reply_to: str
    subject: str
    html: str
    text: str
    quote_ids: tuple[int, ...] = ()

    @property
    def content_hash(self) -> str:
        """The SHA-256 of everything but `quote_ids`."""
        return sha256("\x00".join(self._shown().values()).encode()).hexdigest()

    def columns(self) -> dict[str, str]:
        """Values for the columns of Mailing, with the hash."""
        return self._shown() | {"content_hash": self.content_hash}

    def _shown(self) -> dict[str, str]:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "quote_ids"}


def issue_context(issue: Issue, publication: Publication, items: list[IssueItem] | None = None) -> dict[str, object]:
    """The context of templates/email/issue.html. items: instead of the issue's own."""
    issue = copy(issue)
    # Control characters could pass for a placeholder. Forms remove them; this is for rows written otherwise.
    issue.subject, issue.preheader = single_line(issue.subject), single_line(issue.preheader)
    if items is None:
        items = list(issue.items.select_related("post__cover", "post__series").prefetch_related("post__tags"))
    repeats_title = [item.post.title for item in items] == [issue.subject]
    return {
        "issue": issue,
        "publication": publication,
        "items": [_item_context(item, publication, is_below_h1=repeats_title) for item in items],
        "repeats_title": repeats_title,
        "is_digest": publication.look == Publication.MailLook.DIGEST,
        "preheader": preheader_line(issue, items),
        "is_brief": _is_brief(issue, items),
        "introduction": greeting_html(issue.introduction),
        "closing": greeting_html(issue.closing),
        "choices": issue.choices if not issue.sent_at or issue.takes_votes(timezone.now()) else [],
        "quotes": list(Quote.objects.filter(issue=issue.pk)) if issue.pk else [],
        "signature": author_html(publication.signature),
        "site_url": settings.SITE_URL,
        "web_url": settings.SITE_URL + issue.get_absolute_url(),
        "code_colours": code_highlighting.dark_by_light_colour(),
        "reader": format_html('<span class="reader">{}</span>', PLACEHOLDERS["email"]),
        **PLACEHOLDERS,
    }


def _item_context(item: IssueItem, publication: Publication, *, is_below_h1: bool) -> dict[str, object]:
    # They may be changed below: they were loaded for this letter alone.
    post, cover, is_full = item.post, item.post.cover, item.form == IssueItem.Form.FULL
    post.title = single_line(post.title)
    if cover:
        cover.alt = single_line(cover.alt)
    return {
        "item": item,
        "post": post,
        "url": settings.SITE_URL + post.get_absolute_url(),
        "published_on": post.published_at.astimezone(publication.zone).date() if post.published_at else None,
        "html": fill_name_slots_with_fallbacks(author_html(post.body, is_below_h1=is_below_h1)) if is_full else "",
        "cover_size_attributes": mail_html.size_attributes(cover.width, cover.height) if cover else "",
        "teaser": _teaser(item, is_digest=publication.look == Publication.MailLook.DIGEST),
        "thumbnail": settings.SITE_URL + cover.url_for("fallback", cover.widths("fallback")[0]) if cover else "",
    }


def _teaser(item: IssueItem, *, is_digest: bool) -> str:
    """The text of a post that is not shown in full. A summary by the author is never cut."""
    if item.form == IssueItem.Form.LINK:
        return prose.first_sentence(item.post.excerpt)
    if is_digest and not item.post.summary:
        return prose.first_sentences(item.post.excerpt, DIGEST_TEASER_LENGTH)
    return item.post.excerpt


def _is_brief(issue: Issue, items: list[IssueItem]) -> bool:
    """Whether the letter is so short that the URLs in its text part would outweigh the rest.

    Spam filters object to that unless the HTML shows the URLs too.
    """
    texts = [issue.subject, issue.introduction, issue.closing, *(item.post.title for item in items)]
    texts += [item.post.body for item in items if item.form == IssueItem.Form.FULL]
    texts += [item.post.excerpt for item in items if item.form == IssueItem.Form.EXCERPT]
    return sum(map(len, texts)) < BRIEF_LENGTH


def preheader_line(issue: Issue, items: list[IssueItem] | None = None) -> str:
    """The author's preheader or the beginning; titles extend a short one, or inboxes would add the masthead."""
    items = list(issue.items.select_related("post")) if items is None else items
    found = issue.preheader
    if not found and issue.introduction.strip():
        found = prose.excerpt(fill_name_slots_with_fallbacks(render.render(issue.introduction)), PREHEADER_LENGTH)
    elif not found and items:
        found = items[0].post.excerpt[:PREHEADER_LENGTH]
    with translation.override(Publication.objects.current().language):
        separator = _(" | ")
    for item in items:
        if len(found) < PREHEADER_MIN and item.post.title not in found:
            found = f"{found}{separator}{item.post.title}" if found else item.post.title
    return found if len(found) <= PREHEADER_LENGTH or found == issue.preheader else f"{found[: PREHEADER_LENGTH - 1]}…"


def author_html(source: str, *, is_below_h1: bool = False) -> str:
    """Markdown as HTML for the mail: pictures no wider than the column, headings one level below the title or lower.

    The title is h2, or h1 with `is_below_h1`.
    """
    if not source.strip():
        return ""
    pictures = Image.objects.filter(digest__in=MEDIA_DIGEST.findall(source))
    sizes = {settings.SITE_URL + one.get_absolute_url(): (one.width, one.height) for one in pictures}
    rendered = render.render_mail(source, base_url=settings.SITE_URL)
    rendered = rendered if is_below_h1 else mail_html.demote_headings(rendered)
    rendered = mail_html.with_picture_sizes(rendered, sizes)
    return stack_wide_tables(mail_html.with_colour_classes(rendered))


def greeting_html(source: str) -> str:
    """As `author_html`, with a placeholder for each `{name|friend}`."""
    return salutations.with_name_slots(author_html(source))


def freeze_letter(issue: Issue, note: str = "") -> FrozenLetter:
    """Render `issue` once for all readers.

    note: of a correction, in Markdown; "" for the issue itself.
    Raises PicturesUnavailable, because the logo must be loaded. A frozen letter needs no picture any more.
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
        quote_ids=tuple(quote.pk for quote in cast("list[Quote]", context["quotes"])),
    )


def html_with(issue: Issue, items: list[IssueItem]) -> str:
    """The HTML of a letter of `issue` with other `items`, to show or to weigh it.

    Raises PicturesUnavailable. Omits the text part, which takes two fifths of the time.
    """
    publication = Publication.objects.current()
    with translation.override(publication.language):
        subject = subject_line(issue, publication, is_correction=False)
        context = issue_context(issue, publication, items)
        return letters.render_html("issue", subject, context, base_url=settings.SITE_URL, needs_pictures=True)


def subject_line(issue: Issue, publication: Publication, *, is_correction: bool) -> str:
    corrected = translation.gettext("Correction: %(subject)s") if is_correction else "%(subject)s"
    typed = corrected % {"subject": single_line(issue.subject)}
    subject = shorten_subject(letters.spaced_subject(typed, publication.unspaced_names()))
    numbered = NUMBERED_SUBJECTS[publication.numbered]() % {"subject": subject, "number": issue.number}
    numbered = letters.spaced_subject(numbered, publication.unspaced_names())
    return numbered if len(numbered) <= SUBJECT_LENGTH else subject


NUMBERED_SUBJECTS: dict[str, Callable[[], str]] = {
    Publication.NumberPosition.LAST: lambda: translation.pgettext("subject of a mail", "%(subject)s (No. %(number)d)"),
    Publication.NumberPosition.FIRST: lambda: translation.pgettext("subject of a mail", "No. %(number)d: %(subject)s"),
    Publication.NumberPosition.NOT: lambda: "%(subject)s",
}


def fill(template: str, values: Mapping[str, str], *, escaped: bool) -> str:
    found = {name: _placeholder_value(name, values) for name in PLACEHOLDER.findall(template)}
    return PLACEHOLDER.sub(lambda match: html.escape(found[match[1]]) if escaped else found[match[1]], template)


def _placeholder_value(placeholder: str, values: Mapping[str, str]) -> str:
    if salutations.is_name_slot(placeholder):
        return values["name"] or salutations.fallback_word(placeholder)
    return values[placeholder]


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


def unsubscribe_address(token: str) -> str:
    bounces_to = Publication.objects.current().bounces_to
    return headers.return_path(bounces_to, token) if bounces_to and settings.MAILBOX_URL else ""


def html_and_text(mailing: Mailing) -> tuple[str, str]:
    """HTML and text of a mailing with its date; the reader's own placeholders remain.

    The date is not frozen, because a mailing may be moved after its approval. If links are counted, they lead over
    this site to the approved targets.
    """
    day = _issue_date(mailing)
    whole = mailing.html.replace(PLACEHOLDERS["day"], html.escape(day))
    text = mailing.text.replace(PLACEHOLDERS["day"], day)
    if not (mailing.pk and mailing.counts_links):
        return whole, text
    return rewriting.rewrite_links(whole, text, rewriting.redirects_by_url(mailing))


def _issue_date(mailing: Mailing) -> str:
    """The local date of the issue; that of the next free slot if it is not scheduled."""
    publication = Publication.objects.current()
    at = mailing.send_at if mailing.kind == Mailing.Kind.ISSUE else mailing.issue.sent_at
    at = at or mailing.issue.sent_at or free_slots(publication, timezone.now(), 1, issue=mailing.issue)[0]
    with translation.override(publication.language):
        return autospace_text(date_format(timezone.localtime(at, publication.zone), "DATE_FORMAT"))


def build_copy(mailing: Mailing, subscriber: Subscriber, *, ids: tuple[int, ...], subject_prefix: str = "") -> Mail:
    """Build a reader's copy of a mailing. ids: for the Message-ID."""
    values = reader_values(subscriber)
    html_part, text_part = html_and_text(mailing)
    letter = MailContent(
        subject=shorten_subject(subject_prefix + mailing.subject),
        html=fill(html_part, values, escaped=True),
        text=fill(text_part, values, escaped=False),
    )
    return build_mail(
        letter,
        sender=(mailing.sender_name, mailing.sender_email),
        to=(subscriber.name, subscriber.email),
        reply_to=mailing.reply_to,
        headers=_list_headers(mailing, values, ids),
    )


def _list_headers(mailing: Mailing, values: Mapping[str, str], ids: tuple[int, ...]) -> dict[str, str]:
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
        web_url=settings.SITE_URL + mailing.issue.get_absolute_url(),
        unsubscribe_address=unsubscribe_address(values["unsubscribe_token"]),
        feedback=headers.feedback_id(mailing.issue.number, mailing.kind, domain=domain),
    ) | {"Message-ID": headers.message_id("issue", *ids, domain=domain)}
