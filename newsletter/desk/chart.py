"""Charts as SVG data, and the tables behind them. Pure.

templates/desk/_chart.html renders a Chart, _chart_numbers.html a ChartTable. The SVG has 100 × 60 units, stretched by
CSS.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 100.0, 60.0
BAR_SHARE = 0.6  # of the width per bar
MARGIN = 4.0  # keeps the line's extremes visible


@dataclass(frozen=True)
class Bar:
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Chart:
    """Either a line of `points` or `bars`, the last of which is the current one. captions: below it, left to right."""

    points: str = ""
    bars: tuple[Bar, ...] = ()
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChartTable:
    """The numbers of a chart as a table, formatted for display. heading: of the first column."""

    title: str
    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def labelled(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Rows with the column's name beside each value: phones show no table head."""
        return [(name, list(zip(self.columns, values, strict=True))) for name, values in self.rows]


def line_chart(values: Sequence[int], *captions: str) -> Chart | None:
    """None for fewer than two values. Scaled from the smallest to the largest value: it shows change, not size."""
    if len(values) < 2:
        return None
    least, most = min(values), max(values)
    span, step = (most - least) or 1, WIDTH / (len(values) - 1)
    room = HEIGHT - 2 * MARGIN
    flat = HEIGHT / 2 if most == least else None
    heights = (flat or HEIGHT - MARGIN - (value - least) / span * room for value in values)
    points = " ".join(f"{place * step:.1f},{height:.1f}" for place, height in enumerate(heights))
    return Chart(points=points, captions=captions)


def bar_chart(values: Sequence[int], *captions: str) -> Chart:
    most, step = max([1, *values]), WIDTH / max(1, len(values))
    heights = [max(1.0, value / most * HEIGHT) for value in values]
    drawn = tuple(
        Bar(
            x=f"{place * step + step * (1 - BAR_SHARE) / 2:.1f}",
            y=f"{HEIGHT - height:.1f}",
            width=f"{step * BAR_SHARE:.1f}",
            height=f"{height:.1f}",
        )
        for place, height in enumerate(heights)
    )
    return Chart(bars=drawn, captions=captions)
