"""Builds reminder mails: a draft is due, the letter to approve with links, or a slot was missed. Sends nothing."""

import html
import re
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from newsletter.delivery.author.icalendar_feed import calendar_url
from newsletter.delivery.letter.rendering import FrozenLetter, fill, freeze_letter, html_and_text, reader_values
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.reminders import Reminder
from newsletter.delivery.planning import approving
from newsletter.issues import schedule
from newsletter.issues.models import not_yet_mailed
from newsletter.mail import html as mail_html
from newsletter.mail import letters, plaintext, spacing, tokens
from newsletter.mail.colours import mail_palette
from newsletter.mail.message import Mail, MailContent, build_automatic_mail, shorten_subject
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from subscribers.models import Subscriber

LINK_PURPOSE = "approve"
POSTS_SHOWN = 12
# In templates/email/base.html. A parser that serializes the mail again would change what is to be approved.
BODY_CELL = re.compile(r'<td class="body"[^>]*>')


def approve_token(reminder: Reminder) -> str:
    return tokens.sign(LINK_PURPOSE, reminder.pk, _token_salt(reminder))


def reminder_by_token(token: str) -> Reminder | None:
    letters_sent = Reminder.objects.filter(kind=Reminder.Kind.LETTER).select_related("issue")
    reminder = letters_sent.filter(pk=tokens.unverified_id(token) or 0).first()
    return reminder if reminder and tokens.is_valid(token, LINK_PURPOSE, _token_salt(reminder)) else None


def _token_salt(reminder: Reminder) -> str:
    return f"{reminder.slot_at.timestamp():.0f}{reminder.token_salt}"


def build_reminder(
    reminder: Reminder, addresses: list[str], now: datetime, *, frozen: FrozenLetter | None = None
) -> Mail:
    """Build the mail of a reminder, in the publication's language and time zone.

    frozen: the letter to show; None to freeze it here.
    """
    publication = Publication.objects.current()
    with translation.override(publication.language), timezone.override(publication.zone):
        if reminder.kind == Reminder.Kind.LETTER:
            letter = _approval_content(reminder, publication, frozen)
        elif reminder.kind == Reminder.Kind.DRAFT:
            letter = _draft_content(reminder, publication, now)
        else:
            letter = _missed_content(reminder, publication, now)
    return build_automatic_mail(letter, "reminder", reminder.pk, sender=publication.sender, addresses=addresses)


def _draft_content(reminder: Reminder, publication: Publication, now: datetime) -> MailContent:
    issue = reminder.issue
    items = issue.items.select_related("post") if issue else []
    posts = not_yet_mailed(Post.objects.published(now)).exclude(pk__in=[item.post_id for item in items])
    url = reverse("admin:issues_issue_change", args=[issue.pk]) if issue else reverse("admin:issues_issue_add")
    day = date_format(timezone.localtime(reminder.slot_at), "DATE_FORMAT")
    subject = _("An issue is due on %(day)s") % {"day": day}
    subject = _("Your draft is ready: %(issue)s") % {"issue": issue} if issue else subject
    context = {
        "publication": publication,
        "issue": issue,
        "items": items,
        "posts": posts.order_by("-published_at")[:POSTS_SHOWN],
        "slot": reminder.slot_at,
        "url": settings.SITE_URL + url,
        "calendar_url": calendar_url(publication),
    }
    return letters.render("reminder", subject, context, base_url=settings.SITE_URL)


def _missed_content(reminder: Reminder, publication: Publication, now: datetime) -> MailContent:
    context = {
        "publication": publication,
        "issue": reminder.issue,
        "slot": reminder.slot_at,
        "reason": reminder.get_reason_display(),
        "detail": reminder.detail,
        "next_slot": schedule.next_slot(publication, now),
        "url": settings.SITE_URL + reverse("admin:issues_issue_change", args=[reminder.issue_id]),
    }
    subject = _("Not sent: %(issue)s") % {"issue": reminder.issue}
    return letters.render("missed", subject, context, base_url=settings.SITE_URL)


def _approval_content(reminder: Reminder, publication: Publication, frozen: FrozenLetter | None) -> MailContent:
    """The issue as it would be sent at the slot, below a panel with the author's choices."""
    issue = reminder.issue
    assert issue is not None  # noqa: S101 - letters always have an issue
    frozen = frozen or freeze_letter(issue)
    mailing = Mailing(issue=issue, approved_at=reminder.at, send_at=reminder.slot_at, **frozen.columns())
    values = reader_values(Subscriber(pk=0, email=publication.sender_email, token_salt=""))
    whole_html, whole_text = html_and_text(mailing)
    page_url = settings.SITE_URL + reverse("delivery:approve", args=[approve_token(reminder)])
    context = {
        "losses_sentence": approving.losses_sentence(issue, letter=frozen),
        "slot": reminder.slot_at,
        "goes": publication.unapproved == Publication.Unapproved.GO,
        **mail_palette(publication.accent),
        "approve_url": page_url,
        "move_url": f"{page_url}?do=move",
        "skip_url": f"{page_url}?do=skip",
        "edit_url": settings.SITE_URL + reverse("admin:issues_issue_change", args=[reminder.issue_id]),
    }
    names = letters.unspaced_names(publication)
    panel = spacing.autospace_html(render_to_string("email/_approve.html", context), names)
    note = spacing.autospace_text(html.unescape(render_to_string("email/_approve.txt", context).strip()), names)
    page = BODY_CELL.sub(lambda cell: cell[0] + panel, fill(whole_html, values, escaped=True), count=1)
    text = f"{note}\n\n{plaintext.RULE}\n\n{fill(whole_text, values, escaped=False)}"
    subject = shorten_subject(_("[To approve] %(subject)s") % {"subject": mailing.subject})
    return MailContent(subject, html=mail_html.for_old_clients(page), text=text)
