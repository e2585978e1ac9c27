"""Refusals in a row: perhaps it is not the readers whom a server refuses, but us, or the letter. No database.

A server that refuses one reader after the other, such as a relay that does not know us or a filter that does not
like the letter, must not make the whole audience fail. A refusal that is kept here has no outcome yet: if it was us,
its row goes back to the queue. “No such address” is reported at once, and counted: a server that says so of everybody
is out of order.
"""

from newsletter.delivery.provider.outcomes import Answer, Outcome, ProviderRefuses
from newsletter.mail.replies import Verdict, verdict

REFUSALS = 20  # in a row, for one kind of reason, before it is us whom the server refuses
OF_THE_READER = {Verdict.DEAD, Verdict.MAILBOX}


class Refusals:
    """The refusals since the last message that was accepted.

    believes: whether the author has confirmed that these addresses do not exist.
    """

    def __init__(self, *, believes: bool = False) -> None:
        self.kept: list[tuple[int, Outcome]] = []
        self.in_a_row = self.dead_in_a_row = 0
        self.believes = believes
        self.problem: ProviderRefuses | None = None  # when there were so many that the author should look first

    @property
    def are_ours(self) -> bool:
        """Return whether it is us, or the letter, that the server refuses: what is kept goes back to the queue."""
        return self.in_a_row >= REFUSALS

    def keep(self, seq: int, outcome: Outcome) -> bool:
        """Keep a refusal that says nothing about its reader; return False for any other outcome.

        It does not matter whether it came before or after the dot: either way the server has not got the message.
        """
        if outcome.answer is not Answer.FAILED:
            return False
        said = verdict(outcome.reply)
        is_kept = said not in OF_THE_READER
        if is_kept:
            self.kept.append((seq, outcome))
        self.in_a_row += is_kept
        self.dead_in_a_row += said is Verdict.DEAD
        if self.are_ours or (self.dead_in_a_row >= REFUSALS and not self.believes):
            self.problem = ProviderRefuses(outcome.reply)
        return is_kept

    def release(self) -> list[tuple[int, Outcome]]:
        """Return what is kept, now that it is known to be about the readers."""
        kept, self.kept = self.kept, []
        return kept

    def end(self) -> list[tuple[int, Outcome]]:
        """Return what is kept, now that a message was accepted."""
        self.in_a_row = self.dead_in_a_row = 0
        return self.release() if self.kept else []
