"""Findings of the doctor, and the type of its checks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

ERROR, WARNING, INFO = "error", "warning", "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """id: stable. about: key of the mailing or webhook that it is about."""

    level: str
    id: str
    message: str
    hint: str
    about: int = 0


type Check = Callable[[datetime], Iterator[Finding]]
