"""How far a move is, as one line of a terminal. Pure, but for the clock that it is given."""

from collections.abc import Callable
from dataclasses import dataclass, field

WIDTH = 24  # signs of the bar
NAME_MAX = 30
FIRST_GUESS = 3.0  # seconds, before which nobody knows how long the rest takes


@dataclass
class Progress:
    """Counts texts. clock: seconds that never go back, as time.monotonic."""

    total: int
    clock: Callable[[], float]
    done: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    def line(self, name: str) -> str:
        """Return the line after one more text: the bar, how many of how many, a second's, and what is left."""
        self.done += 1
        passed = self.clock() - self.began
        filled = min(WIDTH, WIDTH * self.done // max(self.total, 1))
        bar = "█" * filled + "░" * (WIDTH - filled)
        return f"{bar} {self.done:,}/{self.total:,}{self._speed(passed)}  {name[:NAME_MAX]}".ljust(100)

    def _speed(self, passed: float) -> str:
        if passed < FIRST_GUESS:
            return ""
        rate = self.done / passed
        left = max(self.total - self.done, 0) / rate
        return f"  {rate:,.0f}/s  {left // 60:.0f}:{left % 60:02.0f} left"
