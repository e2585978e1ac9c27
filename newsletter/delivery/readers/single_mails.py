"""Queues of mails to single readers, sent one by one by the bulk mailer."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model, QuerySet

from newsletter.delivery.letter.rendering import build_copy
from newsletter.delivery.models.course import OnceMore
from newsletter.delivery.provider.outcomes import ProviderRejection, ProviderUnavailable, SendStatus
from newsletter.delivery.provider.transports import MailTransport, transport_for
from newsletter.mail import headers
from newsletter.mail.mail_queue import MAILER, AtMostOnceMailQueue, MailQueue, Retry
from newsletter.mail.message import Mail, MailContent, build_mail
from newsletter.mail.smtp_replies import NotSent, SendFailure, is_unreachable
from newsletter.publication.models import Publication
from subscribers.addresses import mask_addresses
from subscribers.models import Subscriber

RETRY_AFTER = timedelta(minutes=10)  # after a temporary refusal: greylisting needs about five
TRIES_MAX = 8


class SingleMailQueue[Row: Model](MailQueue[Row]):
    """A mail to one reader. If a connection breaks, the transport knows whether it was handed over."""

    def __init__(self, transport: MailTransport) -> None:
        self.transport, self.reply = transport, ""

    def close(self) -> None:
        self.transport.close()

    def hand_over(self, message: Mail, before_leaving: Callable[[], object]) -> None:
        before_leaving()
        try:
            outcome = self.transport.send(message)
        except (ProviderUnavailable, ProviderRejection) as problem:
            raise NotSent(SendFailure.SERVER_UNAVAILABLE, str(problem)) from problem
        self.reply = (outcome.reply or outcome.provider_id)[:200]
        if outcome.status is not SendStatus.SENT:
            failure = SendFailure.TEMPORARY if outcome.status is SendStatus.DEFERRED else SendFailure.PERMANENT
            raise NotSent(failure, f"{outcome.status.value} {outcome.reply}")

    def retry(self, row: Row, failure: SendFailure, now: datetime) -> Retry:
        tries = getattr(row, self.tries_column)
        if failure is SendFailure.SERVER_UNAVAILABLE:
            return Retry(now, tries - 1)
        return Retry(now + RETRY_AFTER if failure is SendFailure.TEMPORARY and tries < TRIES_MAX else None, tries)

    def log(self, row: Row, error: Exception, retry: Retry) -> None:
        if is_unreachable(error) or retry.due_at is None:
            log = logging.getLogger(type(self).__module__)
            log.warning("%s: row %s was not sent: %s", type(self).__name__, row.pk, mask_addresses(str(error)))


def build_reader_mail(letter: MailContent, reader: Subscriber, kind: str, number: int) -> Mail:
    """Build an automatic mail with a link to unsubscribe. kind, number: for the Message-ID."""
    publication = Publication.objects.current()
    own_headers = {
        "Message-ID": headers.message_id(kind, reader.pk, number, domain=publication.sender_email),
        "List-Unsubscribe": f"<{reader.unsubscribe_url}>",
    }
    return build_single_mail(letter, (reader.name, reader.email), headers.auto_submitted_headers() | own_headers)


def build_single_mail(letter: MailContent, to: tuple[str, str], own_headers: dict[str, str]) -> Mail:
    publication = Publication.objects.current()
    return build_mail(letter, sender=publication.sender, to=to, reply_to=publication.reply_to, headers=own_headers)


def send_due(kind: type[SingleMailQueue[Any]], now: datetime) -> int:
    """Send due mails of a kind over one connection, opened on demand; return how many."""
    return kind(transport_for(MAILER)).send_due(now)


class ResponseRecordingQueue[Row: Model](AtMostOnceMailQueue[Row], SingleMailQueue[Row]):
    sent_column, reply_column = "sent_at", "reply"

    def dequeue(self, row: Row, values: dict[str, object]) -> bool:
        return super().dequeue(row, {self.reply_column: self.reply} | values)

    def give_up(self, row: Row, error: Exception, now: datetime) -> bool:
        return self.dequeue(row, {self.reply_column: str(error)[:200], self.sent_column: None})


class OnceMoreMailQueue(ResponseRecordingQueue[OnceMore]):
    """One more copy, with a new Message-ID: mailboxes hide a second mail with the same one."""

    model, label = OnceMore, "issues that are asked for once more"

    def due_rows(self, now: datetime) -> QuerySet[OnceMore]:
        return super().due_rows(now).select_related("subscriber", "mailing__issue")

    def build(self, row: OnceMore, now: datetime) -> tuple[Mail, dict[str, object]]:
        if not Subscriber.objects.mailable(now).filter(pk=row.subscriber_id).exists():
            raise NotSent(SendFailure.PERMANENT, "left, paused or suppressed meanwhile")
        return build_copy(row.mailing, row.subscriber, ids=(row.mailing_id, 0, row.pk)), {}
