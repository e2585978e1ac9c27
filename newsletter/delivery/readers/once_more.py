"""Sending an issue once more to a reader who asked for it: the letter that was approved, by the way of single mails."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import QuerySet

from newsletter.delivery.letter.rendering import copy_for
from newsletter.delivery.models.once_more import OnceMore
from newsletter.delivery.provider.outcomes import Answer, ProviderAway, ProviderRefuses
from newsletter.delivery.provider.transports import Transport, transport_for
from newsletter.mail.due import MAILER, DueMail, Retry
from newsletter.mail.message import Mail
from newsletter.mail.trouble import NotSent, Trouble, is_unreachable
from subscribers.models import Subscriber

log = logging.getLogger(__name__)

REST = timedelta(minutes=10)  # after a "not now": greylisting servers want about five
TRIES_MAX = 8


class OnceMoreMail(DueMail[OnceMore]):
    """One more copy, with a Message-ID of its own: a mailbox that has the first would hide a second of the same."""

    model = OnceMore

    def __init__(self, transport: Transport) -> None:
        self.transport, self.answer = transport, ""

    def waiting(self, now: datetime) -> QuerySet[OnceMore]:
        return super().waiting(now).select_related("subscriber", "mailing__issue")

    def write(self, row: OnceMore, now: datetime) -> tuple[Mail, dict[str, object]]:
        if not Subscriber.objects.mailable(now).filter(pk=row.subscriber_id).exists():
            raise NotSent(Trouble.NEVER, "left, paused or suppressed meanwhile")
        mail = copy_for(row.mailing, row.subscriber, ids=(row.mailing_id, 0, row.pk))
        return mail, {"sent_at": now}

    def hand_over(self, message: Mail, before_leaving: Callable[[], object]) -> None:
        before_leaving()
        try:
            outcome = self.transport.send(message)
        except (ProviderAway, ProviderRefuses) as problem:
            raise NotSent(Trouble.AWAY, str(problem)) from problem
        self.answer = (outcome.reply or outcome.provider_id)[:200]
        if outcome.answer is not Answer.SENT:
            whose = Trouble.LATER if outcome.answer is Answer.DEFERRED else Trouble.NEVER
            raise NotSent(whose, f"{outcome.answer.value} {outcome.reply}")

    def end(self, row: OnceMore, values: dict[str, object]) -> bool:
        return super().end(row, {"reply": self.answer} | values)

    def give_up(self, row: OnceMore, error: Exception, now: datetime) -> bool:
        return super().end(row, {"reply": str(error)[:200]})

    def retry(self, row: OnceMore, whose: Trouble, now: datetime) -> Retry:
        if whose is Trouble.AWAY:
            return Retry(now, row.tries - 1)
        return Retry(now + REST if whose is Trouble.LATER and row.tries < TRIES_MAX else None, row.tries)

    def log(self, row: OnceMore, error: Exception, retry: Retry) -> None:
        if is_unreachable(error):
            log.warning("issues that are asked for once more wait: %s", error)
        elif retry.due_at is None:
            log.warning("wish %s for an issue once more: %s", row.pk, error)


def send_due(now: datetime) -> int:
    """Send what is due, over one connection that is opened only if there is something; return how many mails were."""
    if not OnceMore.objects.filter(due_at__lte=now).exists():
        return 0
    transport = transport_for(MAILER)
    try:
        return OnceMoreMail(transport).send_due(now)
    finally:
        transport.close()
