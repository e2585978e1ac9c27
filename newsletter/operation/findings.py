"""What the doctor says: one thing to know, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

ERROR, WARNING, INFO = "error", "warning", "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know: level, a stable id, what is so, what to do, and the key of the mailing that it is about."""

    level: str
    id: str
    message: str
    hint: str
    about: int = 0


type Question = Callable[[datetime], Iterator[Finding]]
