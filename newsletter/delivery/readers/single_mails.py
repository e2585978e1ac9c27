"""What the mails to single readers have in common: they leave one by one, by the transport of test copies."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db.models import Model, QuerySet

from newsletter.delivery.letter.rendering import copy_for
from newsletter.delivery.models.course import OnceMore
from newsletter.delivery.provider.outcomes import Answer, ProviderAway, ProviderRefuses
from newsletter.delivery.provider.transports import Transport, transport_for
from newsletter.mail.due import MAILER, DueMail, Retry
from newsletter.mail.message import Mail
from newsletter.mail.replies import NotSent, Trouble, is_unreachable
from subscribers.models import Subscriber

REST = timedelta(minutes=10)  # after a "not now": greylisting servers want about five
TRIES_MAX = 8


class SingleMail[Row: Model](DueMail[Row]):
    """A mail to one reader. The transport knows whether it was handed over when a connection breaks."""

    what: ClassVar[str]  # the mails, as the log names them

    def __init__(self, transport: Transport) -> None:
        self.transport, self.answer = transport, ""

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

    def retry(self, row: Row, whose: Trouble, now: datetime) -> Retry:
        tries = getattr(row, self.tries)
        if whose is Trouble.AWAY:
            return Retry(now, tries - 1)
        return Retry(now + REST if whose is Trouble.LATER and tries < TRIES_MAX else None, tries)

    def log(self, row: Row, error: Exception, retry: Retry) -> None:
        log = logging.getLogger(type(self).__module__)
        if is_unreachable(error):
            log.warning("%s wait: %s", self.what, error)
        elif retry.due_at is None:
            log.warning("%s, number %s: %s", self.what, row.pk, error)


def send_due(kind: type[SingleMail[Any]], now: datetime) -> int:
    """Send what is due of a kind, over one connection that is opened only if there is something; return how many."""
    transport = transport_for(MAILER)
    try:
        return kind(transport).send_due(now)
    finally:
        transport.close()


class OnceMoreMail(SingleMail[OnceMore]):
    """One more copy, with a Message-ID of its own: a mailbox that has the first would hide a second of the same."""

    model, what = OnceMore, "issues that are asked for once more"

    def waiting(self, now: datetime) -> QuerySet[OnceMore]:
        return super().waiting(now).select_related("subscriber", "mailing__issue")

    def write(self, row: OnceMore, now: datetime) -> tuple[Mail, dict[str, object]]:
        if not Subscriber.objects.mailable(now).filter(pk=row.subscriber_id).exists():
            raise NotSent(Trouble.NEVER, "left, paused or suppressed meanwhile")
        mail = copy_for(row.mailing, row.subscriber, ids=(row.mailing_id, 0, row.pk))
        return mail, {"sent_at": now}

    def end(self, row: OnceMore, values: dict[str, object]) -> bool:
        return super().end(row, {"reply": self.answer} | values)

    def give_up(self, row: OnceMore, error: Exception, now: datetime) -> bool:
        return super().end(row, {"reply": str(error)[:200]})
