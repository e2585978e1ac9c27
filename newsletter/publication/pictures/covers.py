"""The cover of a year's book, in the letters and colours of the cards. Pure."""

from dataclasses import dataclass
from io import BytesIO

from newsletter.publication.pictures import pillow
from newsletter.publication.pictures.cards import INK, LINE_HEIGHT, PAPER, QUIET, length, wrapped, write
from newsletter.publication.pictures.pillow import Drawing

WIDTH, HEIGHT = 1200, 1920  # 1 to 1.6, as Amazon, Apple and Kobo ask of a cover
MARGIN = 120
ROOM = WIDTH - 2 * MARGIN
SIZES = (150, 128, 108, 90, 76)  # of the name in pixels: the first at which it has two lines at most
NAME_LINES, PROMISE_LINES = 2, 3
YEAR, SMALL = 300, 46
TOP = 330  # pixels above the name
BAND = 26  # pixels of the accent at the upper edge


@dataclass(frozen=True)
class Cover:
    """What a cover says. accent: as #rrggbb."""

    name: str
    promise: str
    author: str
    year: str
    accent: str

    def png(self) -> bytes:
        """Return the picture. Raise FontUnusable when the font cannot be read."""
        image = pillow.Image.new("RGB", (WIDTH, HEIGHT), PAPER)
        draw = pillow.ImageDraw.Draw(image)
        draw.rectangle((0, 0, WIDTH, BAND), fill=self.accent)
        size, lines = titled(self.name)
        bottom = _write_lines(draw, TOP, lines, size, INK)
        draw.rectangle((MARGIN, bottom + 36, MARGIN + 120, bottom + 40), fill=self.accent)
        _write_lines(draw, bottom + 84, cut(self.promise, SMALL, PROMISE_LINES), SMALL, QUIET)
        write(draw, (MARGIN, HEIGHT - MARGIN - YEAR - 2.4 * SMALL), self.year, YEAR, self.accent)
        for line in cut(self.author, SMALL, 1):
            write(draw, (MARGIN, HEIGHT - MARGIN - SMALL), line, SMALL, INK)
        out = BytesIO()
        image.quantize(64, dither=pillow.Image.Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()


def titled(name: str) -> tuple[int, list[str]]:
    """Return the size and the lines of the name; one that fits in no size ends in …."""
    for size in SIZES:
        lines = wrapped(name, size, ROOM)
        if len(lines) <= NAME_LINES and all(length(line, size) <= ROOM for line in lines):
            return size, lines
    return SIZES[-1], cut(name, SIZES[-1], NAME_LINES)


def cut(text: str, size: int, most: int) -> list[str]:
    """Return at most `most` lines of `text`; what has no room ends in …."""
    whole = [line for line in wrapped(text, size, ROOM) if line]
    lines = whole[:most]
    if lines and (len(whole) > most or length(lines[-1], size) > ROOM):
        last = lines[-1]
        while last and length(f"{last}…", size) > ROOM:
            last = last[:-1]
        lines[-1] = f"{last}…"
    return lines


def _write_lines(draw: Drawing, top: float, lines: list[str], size: int, colour: str) -> float:
    """Write lines from `top` on; return where they end."""
    for line in lines:
        write(draw, (MARGIN, top), line, size, colour)
        top += size * LINE_HEIGHT
    return top
