"""Refusals in a row: perhaps it is not the readers whom a server refuses, but us. No database.

A server that refuses one reader after the other, such as a relay that does not know us, must not make the whole
audience fail. What is kept here has no outcome: if it was us, these rows go back to the queue.
"""

import re

from newsletter.delivery.transports import Answer, Outcome

REFUSALS = 20  # readers refused in a row, for no reason of their own, before it is us whom the server refuses
OF_THE_READER = re.compile(r"\d\d\d[ -]5\.[12]\.")  # address or mailbox: RFC 3463 sections 3.2 and 3.3


class Refusals:
    """The refusals since the last message that was accepted."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, Outcome]] = []
        self.in_a_row = 0

    @property
    def are_ours(self) -> bool:
        """Return whether it is us whom the server refuses."""
        return self.in_a_row >= REFUSALS

    def keep(self, seq: int, outcome: Outcome, *, was_handed_over: bool) -> bool:
        """Keep the refusal of a reader whose message was not handed over; return False for any other outcome."""
        if outcome.answer is not Answer.FAILED or was_handed_over or OF_THE_READER.match(outcome.reply):
            return False
        self.kept.append((seq, outcome))
        self.in_a_row += 1
        return True

    def release(self) -> list[tuple[int, Outcome]]:
        """Return what is kept, now that it is known to be about the readers."""
        kept, self.kept = self.kept, []
        return kept

    def end(self) -> list[tuple[int, Outcome]]:
        """Return what is kept, now that a message was accepted."""
        self.in_a_row = 0
        return self.release() if self.kept else []
