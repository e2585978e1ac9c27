"""What became of a message that was handed to a provider.

The one question that matters is whether the provider may have the message. An answer settles it;
so does a connection that broke before the body was handed over. Between the two lies UNCERTAIN,
which is never sent again by itself (docs/sending.md).
"""

from enum import StrEnum
from typing import NamedTuple


class Answer(StrEnum):
    SENT = "sent"
    FAILED = "failed"  # a definite no to this reader
    DEFERRED = "deferred"  # not now for this reader
    UNCERTAIN = "uncertain"  # handed over, no answer


class Outcome(NamedTuple):
    """What became of one message."""

    answer: Answer
    reply: str = ""  # the provider's last words
    provider_id: str = ""


class ProviderAway(Exception):
    """The provider cannot be reached, or takes nothing now. The message was certainly not handed over."""


class ProviderRefuses(Exception):
    """The provider refuses us as a whole: login, sender or key. The message was certainly not handed over."""


class HandOverForbidden(Exception):
    """The rows are no longer this worker's to hand over. The message was certainly not handed over."""
