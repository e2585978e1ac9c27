"""Small drawings: numbers to the attributes of an SVG of 100 × 60 units, which the page stretches. Pure."""

from collections.abc import Sequence

WIDTH, HEIGHT = 100.0, 60.0
BAR = 0.6  # of the room that each has
MARGIN = 4.0  # so that the line is not cut off at its highest and lowest point


def line(values: Sequence[int]) -> str:
    """Return the points of a line from the left edge to the right one; "" for fewer than two values.

    The smallest value lies at the bottom and the largest at the top: the line shows change, the numbers beside it size.
    """
    if len(values) < 2:
        return ""
    least, most = min(values), max(values)
    span, step = (most - least) or 1, WIDTH / (len(values) - 1)
    room = HEIGHT - 2 * MARGIN
    flat = HEIGHT / 2 if most == least else None
    heights = (flat or HEIGHT - MARGIN - (value - least) / span * room for value in values)
    return " ".join(f"{place * step:.1f},{height:.1f}" for place, height in enumerate(heights))


def bars(values: Sequence[int]) -> list[dict[str, str]]:
    """Return x, y, width and height of a bar for each value, from zero; a value of zero keeps a hair."""
    most, step = max([1, *values]), WIDTH / max(1, len(values))
    heights = [max(1.0, value / most * HEIGHT) for value in values]
    return [
        {
            "x": f"{place * step + step * (1 - BAR) / 2:.1f}",
            "y": f"{HEIGHT - height:.1f}",
            "width": f"{step * BAR:.1f}",
            "height": f"{height:.1f}",
        }
        for place, height in enumerate(heights)
    ]
