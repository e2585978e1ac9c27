"""The mails to readers that are due: what is common to them, and the answers to sign-ups."""

import logging
from abc import abstractmethod
from datetime import datetime, timedelta
from typing import ClassVar

from django.db.models import Model

from newsletter.mail.due import BACK_OFF, BACK_OFF_MAX, DueMail, Retry, doubled
from newsletter.mail.message import Mail
from newsletter.mail.replies import Trouble, is_unwritable, reason, trouble
from subscribers.mails.rendering import answer
from subscribers.models import Subscriber
from subscribers.models.unsent import Unsent

TRIES_MAX = 8  # at an address that is refused for now; the last about two hours after the first
AWAY_MAX = timedelta(days=3)  # that a server which takes nothing is asked again, from when the mail was asked for


class ReaderMail[Row: Model](DueMail[Row]):
    """A mail that a reader, or somebody who wants to be one, has asked for; the author is told when it is given up.

    An address that does not exist is no news: people mistype.
    """

    what: Unsent.What
    unwritable: ClassVar[str]  # what the log says, with the row's number and a reason
    failed: ClassVar[str]  # the same, with the number of the try before them

    @abstractmethod
    def since(self, row: Row, now: datetime) -> datetime:
        """Return when the mail was asked for."""

    def retry(self, row: Row, whose: Trouble, now: datetime) -> Retry:
        """Return when the mail is tried again.

        A server that is away is asked after as long as the mail has waited already, and that is no try at the
        address. An address that is refused for now is tried after twice as long each time.
        """
        tries, waited = getattr(row, self.tries), now - self.since(row, now)
        match whose:
            case Trouble.AWAY if waited < AWAY_MAX:
                return Retry(now + min(max(waited, BACK_OFF), BACK_OFF_MAX), tries - 1)
            case Trouble.LATER if tries < TRIES_MAX:
                return Retry(now + doubled(tries), tries)
        return Retry(None, tries)

    def log(self, row: Row, error: Exception, retry: Retry) -> None:
        log = logging.getLogger(type(self).__module__)
        if is_unwritable(error):
            log.warning(self.unwritable, row.pk, reason(error))
        else:
            log.warning(self.failed, getattr(row, self.tries), row.pk, reason(error))

    def give_up(self, row: Row, error: Exception, now: datetime) -> bool:
        is_over = super().give_up(row, error, now)
        if is_over and trouble(error) is not Trouble.NEVER:
            Unsent.objects.create(what=self.what, at=now, reason=reason(error))
        return is_over


class SignUpMail(ReaderMail[Subscriber]):
    """The answer to a sign-up: the link that confirms, or that this address is a reader's already."""

    model, what = Subscriber, Unsent.What.SIGN_UP
    due_at = guard = "confirmation_due_at"
    tries = "confirmation_tries"
    unwritable, failed = "Sign-up %d cannot be answered: %s", "Try %d to answer sign-up %d failed: %s"

    def write(self, row: Subscriber, now: datetime) -> tuple[Mail, dict[str, object]]:
        return answer(row), {"confirmation_sent_at": now}

    def since(self, row: Subscriber, now: datetime) -> datetime:
        return row.asked_at or now


MAIL = SignUpMail()
send_next = MAIL.send_next
