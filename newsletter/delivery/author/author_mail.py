"""What is common to the mails to the author: who gets them, and how long they are tried."""

import logging
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import User

from newsletter.delivery.models import Happening, Reminder, ResultLetter
from newsletter.mail.due import BACK_OFF_MAX, DueMail, Retry, doubled
from newsletter.mail.replies import Trouble


def who_may_send() -> list[str]:
    """Return the addresses of those who get mails about issues: the links of a reminder send one without a login."""
    users = User.objects.with_perm("issues.send_issue", backend="django.contrib.auth.backends.ModelBackend")
    return list(users.filter(is_staff=True).exclude(email="").order_by("pk").values_list("email", flat=True))


class AuthorMail[Row: (Happening, Reminder, ResultLetter)](DueMail[Row]):
    """One mail to everybody who may send issues, tried for as long as it is of use, whatever a server says.

    The addresses are asked for at each try: one that was mistyped may have been mended since.
    """

    failed: ClassVar[str]  # what the log says, with the row and the error

    def is_wanted(self, row: Row, now: datetime) -> bool:
        return bool(who_may_send())

    def retry(self, row: Row, whose: Trouble, now: datetime) -> Retry:
        return Retry(now + doubled(row.tries, BACK_OFF_MAX), row.tries)

    def log(self, row: Row, error: Exception, retry: Retry) -> None:
        logging.getLogger(type(self).__module__).warning(self.failed, row, type(error).__name__)
