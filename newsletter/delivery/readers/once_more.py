"""Sending an issue once more to a reader who asked for it: the letter that was approved, by the way of single mails."""

from datetime import datetime

from django.db.models import QuerySet

from newsletter.delivery.letter.rendering import copy_for
from newsletter.delivery.models.once_more import OnceMore
from newsletter.delivery.readers.single_mails import SingleMail
from newsletter.mail.message import Mail
from newsletter.mail.replies import NotSent, Trouble
from subscribers.models import Subscriber


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
