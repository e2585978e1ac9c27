"""How far a long command is: one line of a terminal, written over and over; elsewhere nothing. No Django."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

WIDTH = 32  # characters of the bar
EACH_SECONDS = 0.2
type Count = Callable[[int], object]


def uncounted(_octets: int) -> None:
    """Nobody watches."""


@dataclass
class Line:
    """Draws octets: against all that there will be, if that is known. total: 0 if nobody knows."""

    stream: TextIO
    total: int = 0
    words: str = ""
    done: int = 0
    drawn_at: float = field(default=float("-inf"))

    def count(self, octets: int) -> None:
        self.done += octets
        if time.monotonic() - self.drawn_at >= EACH_SECONDS:
            self._draw()

    def say(self, words: str) -> None:
        self.words = words

    def end(self) -> None:
        """Leave the line empty for what is said next."""
        self._write("")

    def _draw(self) -> None:
        self.drawn_at = time.monotonic()
        megabytes = f"{self.done / 1e6:,.0f} MB"
        if self.total:
            full = min(WIDTH, WIDTH * self.done // self.total)
            megabytes = f"{'█' * full}{'░' * (WIDTH - full)} {megabytes}"
        self._write(f"{megabytes} {self.words}")

    def _write(self, text: str) -> None:
        if self.stream.isatty():
            self.stream.write(f"\r\x1b[K{text}")
            self.stream.flush()


class Counted(io.FileIO):
    """A file that is read, and tells how many octets were."""

    def __init__(self, descriptor: int, count: Count) -> None:
        super().__init__(descriptor, "rb")
        self._count = count

    def readinto(self, buffer: Any, /) -> int | None:
        octets = super().readinto(buffer)
        self._count(octets or 0)
        return octets

    def readall(self) -> bytes:
        octets = super().readall()
        self._count(len(octets))
        return octets
