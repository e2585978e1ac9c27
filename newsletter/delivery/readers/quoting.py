"""Mails the author's answer to a reply, and the question whether a passage may be quoted, and handles the decision."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Answer, Mailing, Quote, Reply
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError
from newsletter.delivery.readers.single_mails import ResponseRecordingQueue, build_single_mail
from newsletter.issues.models import Issue
from newsletter.mail import headers, letters
from newsletter.mail.characters import single_line
from newsletter.mail.message import SUBJECT_LENGTH, Mail
from newsletter.mail.smtp_replies import NotSent, SendFailure
from newsletter.publication.models import Publication
from subscribers.addresses import one_line
from subscribers.models import Subscriber, Suppression, address_hash

REFERENCES_MAX = 12  # keeps the header to a few hundred bytes
QUOTED_MAX = 3_000  # characters of the reply that the answer quotes
REPLY_PREFIXES = ("re:", "re：", "回覆:", "回覆：", "回复:", "回复：", "aw:", "sv:")


class AnswerMailQueue(ResponseRecordingQueue[Answer]):
    """Sends answers, each marked as sent before it is handed over, so a crash never sends one twice."""

    model, reply_column = Answer, "response"

    def due_rows(self, now: datetime) -> QuerySet[Answer]:
        return super().due_rows(now).select_related("reply")

    def build(self, row: Answer, now: datetime) -> tuple[Mail, dict[str, object]]:
        if obstacle := obstacle_to_answering(row.reply):
            raise NotSent(SendFailure.PERMANENT, obstacle)
        return build_answer(row), {}


def obstacle_to_answering(reply: Reply) -> str:
    if "@" not in reply.sender:
        return translation.gettext("The mail names no address.")
    found = Suppression.objects.filter(address_hash=address_hash(reply.sender)).first()
    return translation.gettext("No mail goes to this address: %s") % found.get_reason_display() if found else ""


def build_answer(answer: Answer) -> Mail:
    reply, publication = answer.reply, Publication.objects.current()
    with translation.override(publication.language):
        quoted = reply.text if len(reply.text) <= QUOTED_MAX else f"{reply.text[:QUOTED_MAX]}…"
        context = {"publication": publication, "text": answer.text, "quoted": quoted, "reply": reply}
        letter = letters.render("answer", answer_subject(reply, publication), context, base_url=settings.SITE_URL)
    own_headers = {"Message-ID": answer.message_id} | _thread_headers(answer)
    return build_single_mail(letter, (single_line(reply.sender_name), reply.sender), own_headers)


def answer_subject(reply: Reply, publication: Publication) -> str:
    subject = single_line(reply.subject) or publication.name
    subject = subject if subject.lower().startswith(REPLY_PREFIXES) else f"Re: {subject}"
    return subject[:SUBJECT_LENGTH]


def _thread_headers(answer: Answer) -> dict[str, str]:
    reply = answer.reply
    if not reply.message_id:
        return {}
    replies = list(Reply.objects.thread(reply))
    before = Answer.objects.filter(reply__in=replies, pk__lt=answer.pk)
    sent = [(one.received_at, one.message_id) for one in replies if one.received_at <= reply.received_at]
    sent += [(one.written_at, one.message_id) for one in before]
    names = [name for _at, name in sorted(sent) if name and name != reply.message_id]
    return {"In-Reply-To": reply.message_id, "References": " ".join([*names[-REFERENCES_MAX:], reply.message_id])}


State = Quote.State


class QuoteMailQueue(ResponseRecordingQueue[Quote]):
    model, reply_column = Quote, "response"

    def due_rows(self, now: datetime) -> QuerySet[Quote]:
        return super().due_rows(now).select_related("subscriber", "reply")

    def build(self, row: Quote, now: datetime) -> tuple[Mail, dict[str, object]]:
        if row.reply is None or obstacle_to_answering(row.reply) or row.state != State.ASKED:
            raise NotSent(SendFailure.PERMANENT, "no mail goes there any more")
        return build_question(row, row.reply), {}


def build_question(quote: Quote, reply: Reply) -> Mail:
    publication = Publication.objects.current()
    with translation.override(publication.language):
        url = settings.SITE_URL + reverse("delivery:quote", args=[quote.token])
        context = {"publication": publication, "passage": quote.passage, "url": url}
        subject = _("May %(name)s quote you?") % {"name": publication.name}
        letter = letters.render("quote", subject, context, base_url=settings.SITE_URL)
    message_id = headers.message_id("quote", quote.pk, quote.salt, domain=publication.sender[1])
    thread = {"In-Reply-To": reply.message_id, "References": reply.message_id} if reply.message_id else {}
    return build_single_mail(letter, (quote.subscriber.name, reply.sender), {"Message-ID": message_id} | thread)


def obstacle_to_quoting(reply: Reply, passage: str) -> str:
    """Why a reader cannot be asked about a passage; "" if they can.

    The reply must come from the reader's own address; otherwise it may be by somebody else.
    """
    if reply.subscriber is None or address_hash(reply.sender) != reply.subscriber.address_hash:
        return _("Only a reader who wrote from their own address can be asked.")
    if " ".join(passage.split()) not in " ".join(reply.text.split()):
        return _("These words are not in the reply. Copy the passage as it is.")
    return obstacle_to_answering(reply)


def place_quote(quote: Quote, issue: Issue, now: datetime) -> bool:
    """Add an allowed quote to an issue that is not approved; return False if that is impossible."""
    if issue.sent_at or issue.mailings.open().exists():
        return False
    free = Quote.objects.allowed().filter(pk=quote.pk).exclude(issue__sent_at__isnull=False)
    with transaction.atomic():
        moved = free.update(issue=issue, placed_at=now)
        Issue.objects.filter(pk=issue.pk).update(updated_at=now)  # outdates its rehearsal
    return bool(moved)


def remove_quote(quote: Quote, now: datetime) -> bool:
    """Remove a quote from an issue; return False if the issue is approved."""
    issue = quote.issue
    if issue is None or issue.sent_at or issue.mailings.open().exists():
        return False
    with transaction.atomic():
        Quote.objects.filter(pk=quote.pk).update(issue=None, placed_at=None)
        Issue.objects.filter(pk=issue.pk).update(updated_at=now)
    return True


def allow_quote(quote: Quote, name: str, now: datetime) -> bool:
    """Allow a passage to be quoted. name: "" for "a reader". Returns False if it is too late."""
    values = {"state": State.ALLOWED, "name": one_line(name), "answered_at": now}
    if quote.state == State.ALLOWED and quote.issue_id is None:  # another name
        return bool(Quote.objects.filter(pk=quote.pk, state=State.ALLOWED, issue=None).update(**values))
    if not quote.can_be_allowed(now):
        return False
    return bool(Quote.objects.filter(pk=quote.pk, state=quote.state).update(**values))


def decline_quote(quote: Quote, now: datetime) -> bool:
    """Decline a quote or withdraw it; return False if readers have it already.

    An approved issue is frozen again without it. If the issue was edited since, or cannot be approved as it is, its
    mailing is paused instead, so nothing goes out unreviewed.

    Lock order: the quote, then the mailing. If an approval holds the lock, wait for it and then find its mailing; two
    readers who withdraw quotes of one issue are serialized.
    """
    with transaction.atomic():
        # Reloaded: it may have been added to an issue since, and the issue approved.
        current = Quote.objects.select_for_update(of=("self",)).select_related("issue").filter(pk=quote.pk).first()
        if current is None or current.is_out:
            return False
        quote = current
        state = State.WITHDRAWN if quote.state == State.ALLOWED else State.DECLINED
        approved = Mailing.objects.open().filter(issue=quote.issue_id).select_related("issue").order_by("pk")
        mailings = list(approved.select_for_update(of=("self",), no_key=True)) if quote.issue_id else []
        unchanged = {one.pk for one in mailings if freeze_letter(one.issue, one.note).content_hash == one.content_hash}
        values = {"state": state, "name": "", "answered_at": now, "issue": None, "placed_at": None}
        Quote.objects.filter(pk=quote.pk).update(**values)
        is_done = all(_replace_or_pause(one, now, is_unchanged=one.pk in unchanged) for one in mailings)
        if not is_done:  # a mailing has just begun, so readers have it
            transaction.set_rollback(True)
        return is_done


def withdraw_quotes(reader: Subscriber) -> None:
    for quote in Quote.objects.filter(subscriber=reader, issue__isnull=False).order_by("issue", "pk"):
        decline_quote(quote, timezone.now())


def _replace_or_pause(mailing: Mailing, now: datetime, *, is_unchanged: bool) -> bool:
    try:
        if is_unchanged and approving.refreeze(mailing, now=now):
            return True
    except PlanningError:
        pass
    why = _("A reader has taken back a quote. Replace the text by the current one, then go on.")
    paused = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.PAUSED)
    is_stopped = paused.update(paused_by=Mailing.Cause.QUOTE, reason=why) or mailing.pause(why, Mailing.Cause.QUOTE)
    return bool(is_stopped) and not Mailing.objects.filter(pk=mailing.pk, planned_at__isnull=False).exists()
