"""The file of lines that an import has refused: as they stood, with the reason behind them. Pure.

Whoever mends it imports it again: the column of reasons is known, and left out (names.py).
"""

from collections.abc import Sequence

from subscribers.importers.names import plain

BECAUSE = "refused_because"


class RefusedLines:
    """Lines for the file of what was refused of one table."""

    def __init__(self, names: Sequence[str]) -> None:
        """Prepare them. names: of the columns of the table."""
        self._places = [place for place, name in enumerate(names) if plain(name) != plain(BECAUSE)]
        self._width = len(names)
        self.heading = [*(names[place] for place in self._places), BECAUSE]

    def line(self, cells: Sequence[str], why: str) -> list[str]:
        """Return a refused line; one that is too long keeps all of its cells behind the reason."""
        given = [cells[place] if place < len(cells) else "" for place in self._places]
        return [*given, why, *cells[self._width :]]


def made_up(width: int) -> list[str]:
    """Return names for the columns of a table that has none."""
    return ["email", *(f"column {number}" for number in range(2, width + 1))]
