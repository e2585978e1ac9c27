"""A surface to draw flat, quiet pictures on, and the colours that they share."""

from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"
FONT_TRADITIONAL = 3  # the face for Taiwan within the collection
SCALE = 3  # drawn so much larger, then shrunk: smooth edges
COLOURS = 96  # flat pictures: more makes them heavier, not better

PAPER, SAND, CLAY, BLUSH = "#f4efe6", "#e7dccb", "#d6bfa4", "#efdccd"
MIST, SAGE, PINE, NIGHT = "#e3e8e2", "#a9b8aa", "#3f5a54", "#20302f"
RUST, AMBER, INK, WHITE = "#9a3412", "#d39a55", "#2b2a27", "#fdfbf7"

Point = tuple[float, float]


class Sheet:
    """A surface measured in final pixels."""

    def __init__(self, ground: str, size: tuple[int, int] = (1200, 630)) -> None:
        self.size = size
        self.image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), ground)
        self.pen = ImageDraw.Draw(self.image)

    def disc(self, x: float, y: float, r: float, fill: str) -> None:
        self.pen.ellipse([(x - r) * SCALE, (y - r) * SCALE, (x + r) * SCALE, (y + r) * SCALE], fill=fill)

    def ring(self, x: float, y: float, r: float, colour: str, *, width: float = 3) -> None:
        box = [(x - r) * SCALE, (y - r) * SCALE, (x + r) * SCALE, (y + r) * SCALE]
        self.pen.ellipse(box, outline=colour, width=round(width * SCALE))

    def dome(self, x: float, y: float, r: float, fill: str) -> None:
        """Draw the upper half of a disc."""
        box = [(x - r) * SCALE, (y - r) * SCALE, (x + r) * SCALE, (y + r) * SCALE]
        self.pen.pieslice(box, 180, 360, fill=fill)

    def block(self, x: float, y: float, w: float, h: float, fill: str, *, round_by: float = 0) -> None:
        box = [x * SCALE, y * SCALE, (x + w) * SCALE - 1, (y + h) * SCALE - 1]
        self.pen.rounded_rectangle(box, round_by * SCALE, fill=fill)

    def shape(self, points: Iterable[Point], fill: str) -> None:
        self.pen.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=fill)

    def stroke(self, points: Iterable[Point], colour: str, *, width: float = 3) -> None:
        """Draw a line with round joints and ends."""
        dots = [(x * SCALE, y * SCALE) for x, y in points]
        self.pen.line(dots, fill=colour, width=round(width * SCALE), joint="curve")
        half = width * SCALE / 2
        for x, y in (dots[0], dots[-1]):
            self.pen.ellipse([x - half, y - half, x + half, y + half], fill=colour)

    def write(self, x: float, y: float, text: str, *, size: float = 40, colour: str = INK) -> None:
        """Write centred on the point."""
        font = ImageFont.truetype(FONT, round(size * SCALE), index=FONT_TRADITIONAL)
        self.pen.text((x * SCALE, y * SCALE), text, fill=colour, font=font, anchor="mm")

    def save(self, path: Path) -> None:
        small = self.image.resize(self.size, Image.Resampling.LANCZOS)
        small.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def mix(one: str, other: str, share: float) -> str:
    """Return the colour that lies `share` (0 to 1) of the way from `one` to `other`."""
    pairs = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
