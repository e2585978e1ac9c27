"""Small drawings of numbers for the desk's pages, and the table that stands behind them. Pure.

templates/desk/_chart.html draws a Chart, _chart_numbers.html writes its Numbers. The SVG has 100 × 60 units, which the
page stretches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 100.0, 60.0
BAR = 0.6  # of the room that each has
MARGIN = 4.0  # so that the line is not cut off at its highest and lowest point


@dataclass(frozen=True)
class Bar:
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Chart:
    """A line of `points`, or `bars` of which the last one stands for now; captions: below it, from its left edge on."""

    points: str = ""
    bars: tuple[Bar, ...] = ()
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Numbers:
    """The numbers of a drawing as a table: a name and a value for each column in every row, ready to be shown.

    title: what opens it; heading: of the names.
    """

    title: str
    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def labelled(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return the rows with the column's name beside each value: a phone shows no heads."""
        return [(name, list(zip(self.columns, values, strict=True))) for name, values in self.rows]


def line(values: Sequence[int], *captions: str) -> Chart | None:
    """Return a line from the left edge to the right one; None for fewer than two values.

    The smallest value lies at the bottom and the largest at the top: the line shows change, the numbers beside it size.
    """
    if len(values) < 2:
        return None
    least, most = min(values), max(values)
    span, step = (most - least) or 1, WIDTH / (len(values) - 1)
    room = HEIGHT - 2 * MARGIN
    flat = HEIGHT / 2 if most == least else None
    heights = (flat or HEIGHT - MARGIN - (value - least) / span * room for value in values)
    points = " ".join(f"{place * step:.1f},{height:.1f}" for place, height in enumerate(heights))
    return Chart(points=points, captions=captions)


def bars(values: Sequence[int], *captions: str) -> Chart:
    most, step = max([1, *values]), WIDTH / max(1, len(values))
    heights = [max(1.0, value / most * HEIGHT) for value in values]
    drawn = tuple(
        Bar(
            x=f"{place * step + step * (1 - BAR) / 2:.1f}",
            y=f"{HEIGHT - height:.1f}",
            width=f"{step * BAR:.1f}",
            height=f"{height:.1f}",
        )
        for place, height in enumerate(heights)
    )
    return Chart(bars=drawn, captions=captions)
