"""Due mail that is sent once and never twice, whatever dies: its row says that it leaves before it leaves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar

from django.db import transaction
from django.db.models import Model, QuerySet

from newsletter.mail.due import LEASE, DueMail, Retry
from newsletter.mail.replies import NotSent, Trouble, is_refusal


class MarkedMail[Row: Model](DueMail[Row]):
    """A mail whose row has a mark beside its `due_at`.

    A worker that dies before the mark is written leaves the mail to the next run. One that dies after it, or a silence
    after the final dot, may cost the reader this mail. A definite "not now" takes the mark back.
    """

    mark: ClassVar[str]  # the column of the time at which the mail left

    def put_off(self, at: datetime) -> dict[str, object]:
        return {self.due_at: at, self.mark: None}

    def as_read(self, row: Row) -> QuerySet[Row]:
        return super().as_read(row).filter(**{self.mark: getattr(row, self.mark)})

    @contextmanager
    def _claim_file(self, row: Row) -> Iterator[Callable[[], object]]:
        with super()._claim_file(row) as before_leaving:

            def leave() -> None:
                before_leaving()
                self._leave(row)

            yield leave

    def _fail(self, row: Row, error: Exception, now: datetime) -> None:
        """Try again only what no server can have."""
        if getattr(row, self.mark) is None or is_refusal(error):
            super()._fail(row, error, now)
            return
        self.log(row, error, Retry(None, getattr(row, self.tries)))
        with transaction.atomic():
            self.give_up(row, error, now)

    def _leave(self, row: Row) -> None:
        """Write the mark. Raises NotSent if the row has been moved on since it was claimed."""
        left_at = getattr(row, self.due_at) - LEASE
        if not self._move(row, {self.due_at: None, self.mark: left_at}):
            raise NotSent(Trouble.LATER, "taken over meanwhile")
        setattr(row, self.due_at, None)
        setattr(row, self.mark, left_at)
