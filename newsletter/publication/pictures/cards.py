"""The picture that other sites show beside a link, and the cover of a year's book: a title, set in Chinese. Pure.

The font is Noto Serif TC Bold (SIL Open Font License 1.1, fonts/OFL.txt), cut down to the 13,000 characters of
Big5, so that a card looks the same on every machine. What it lacks is taken from a font of the system, or left out.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import cache
from hashlib import sha256
from io import BytesIO
from itertools import groupby
from math import inf
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from newsletter.mail.colours import palette

VERSION = "2"  # of the drawing: a change gives every card a new address
WIDTH, HEIGHT = 1200, 630  # what Facebook, LINE and X show whole: https://ogp.me, developers' pages of each
MARGIN = 84
PAPER, INK, QUIET = (palette()[name].day for name in ("paper", "ink", "quiet"))
SIZES = (92, 80, 68, 58, 50)  # of the title in pixels: the first in which it fits
LINE_HEIGHT = 1.34
TOP = 158  # pixels above the title
SMALL, NUMBER = 34, 112  # pixels
MEASURE = 100  # pixels: widths are measured once and scaled, because a font is read anew for each size
FONT = Path(__file__).parent.parent / "fonts" / "NotoSerifTC-Bold.woff2"
OTHER_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/System/Library/Fonts/PingFang.ttc",
)
NOT_FIRST = set("，。、；：？！）」』》〉】〕｝…—～·％%,.;:?!)]}’”々ー")
NOT_LAST = set("（「『《〈【〔｛([{‘“")
# Characters with which a phrase often begins or ends. Between others a line may break a word: 產｜品.
BEGINS = set("和與及或而但在從對把被讓使為以用給向跟比由也都就才不沒很最更再又還要能會可該是有我你他她它這那每哪怎什誰")
ENDS = set("的了著過得地們嗎呢吧啊是")
NEVER_FIRST = set("的了著過們嗎呢吧啊")
WORD_COST, SPLIT_COST = 0.05, 0.3  # of a break; an uneven line costs the square of what it lacks or has too much


class FontUnusable(Exception):
    """The font of the cards cannot be read."""


@dataclass(frozen=True)
class Card:
    """What a card says. number: of an issue, large; "" for a post."""

    title: str
    name: str  # of the publication
    detail: str  # such as a date
    accent: str  # as #rrggbb
    number: str = ""

    @property
    def digest(self) -> str:
        """Return 16 hex characters that change with everything that is seen."""
        return sha256("\0".join([VERSION, *astuple(self)]).encode()).hexdigest()[:16]

    def png(self) -> bytes:
        """Return the picture. Raise FontUnusable when the font cannot be read."""
        image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 0, WIDTH, 14), fill=self.accent)
        write(draw, (MARGIN, MARGIN), self.name, SMALL, self.accent)
        self._draw_title(draw)
        write(draw, (MARGIN, HEIGHT - MARGIN - SMALL), self.detail, SMALL, QUIET)
        if self.number:
            width = length(self.number, NUMBER)
            write(draw, (WIDTH - MARGIN - width, HEIGHT - MARGIN - NUMBER), self.number, NUMBER, self.accent)
        out = BytesIO()
        image.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()

    def _draw_title(self, draw: ImageDraw.ImageDraw) -> None:
        room = HEIGHT - TOP - MARGIN - (NUMBER if self.number else SMALL) - 20
        size, lines = fitted(self.title, room)
        top = TOP + (room - len(lines) * size * LINE_HEIGHT) / 2
        for number, line in enumerate(lines):
            write(draw, (MARGIN, top + number * size * LINE_HEIGHT), line, size, INK)


def fitted(title: str, room: float) -> tuple[int, list[str]]:
    """Return the size and the lines of a title for `room` pixels of height; one that fits in no size ends in …."""
    for size in SIZES:
        lines = wrapped(title, size, WIDTH - 2 * MARGIN)
        if len(lines) * size * LINE_HEIGHT <= room:
            return size, _balanced(title, size, len(lines))
    size = SIZES[-1]
    most = int(room // (size * LINE_HEIGHT))
    *whole, last = wrapped(title, size, WIDTH - 2 * MARGIN)[:most]
    while last and length(last + "…", size) > WIDTH - 2 * MARGIN:
        last = last[:-1]
    return size, [*whole, last + "…"]


def _balanced(title: str, size: int, count: int) -> list[str]:
    """Return the title in `count` lines that are as even as can be, and break behind punctuation or between phrases."""
    pieces = list(_pieces(title))
    even = length(title, size) / count

    @cache
    def best(start: int, left: int) -> tuple[float, tuple[str, ...]]:
        """Return what the pieces from `start` on cost in `left` lines, and these lines."""
        ends = [len(pieces)] if left == 1 else range(start + 1, len(pieces) - left + 2)
        ways = []
        for end in ends:
            line = "".join(pieces[start:end]).strip()
            width = length(line, size)
            if width > WIDTH - 2 * MARGIN and end - start > 1:
                break
            cost, lines = best(end, left - 1) if left > 1 else (0.0, ())
            breaks = _break_cost(pieces[end - 1], pieces[end]) if left > 1 else 0.0
            ways.append((cost + breaks + (width / even - 1) ** 2, (line, *lines)))
        return min(ways, default=(inf, ()))

    cost, lines = best(0, count)
    return list(lines) if cost < inf else wrapped(title, size, WIDTH - 2 * MARGIN)


def _break_cost(before: str, after: str) -> float:
    """Return how bad it is to break a line between two pieces of a title; 0 where it has a pause."""
    if after[0] in NEVER_FIRST:
        return 2 * SPLIT_COST
    if before[-1] in NOT_FIRST or before[-1].isspace() or after[0].isspace() or after[0] in NOT_LAST:
        return 0.0
    if _is_word(before[-1]) or _is_word(after[0]) or before[-1] in ENDS or after[0] in BEGINS:
        return WORD_COST
    return SPLIT_COST


def wrapped(text: str, size: int, width: float) -> list[str]:
    """Return lines of at most `width` pixels: Latin words whole, none begins or ends with the wrong punctuation.

    A word that is wider than that has a line of its own.
    """
    lines = [""]
    for piece in _pieces(text):
        if lines[-1] and length((lines[-1] + piece).rstrip(), size) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def _pieces(text: str) -> Iterator[str]:
    """Yield what must not be broken: words, and characters with the punctuation that belongs to them."""
    piece = ""
    for char in " ".join(text.split()):
        joins = char in NOT_FIRST or (piece and piece[-1] in NOT_LAST) or (_is_word(piece[-1:]) and _is_word(char))
        if piece and not joins:
            yield piece
            piece = ""
        piece += char
    if piece:
        yield piece


def _is_word(char: str) -> bool:
    return bool(char) and not char.isspace() and unicodedata.east_asian_width(char) not in "WF" and char not in NOT_LAST


# --- Letters ---


def write(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, colour: str) -> None:
    x, y = at
    for number, run in _runs(text):
        font = _font(number, size)
        draw.text((x, y + size), run, font=font, fill=colour, anchor="ls")
        x += font.getlength(run)


def length(text: str, size: int) -> float:
    return sum(_font(number, MEASURE).getlength(run) for number, run in _runs(text)) * size / MEASURE


def _runs(text: str) -> Iterator[tuple[int, str]]:
    """Yield pieces of `text` with the number of the font that has their letters; what none has is left out."""
    for number, chars in groupby(text, key=_font_with):
        if number is not None:
            yield number, "".join(chars)


@cache
def _font_with(char: str) -> int | None:
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Mn"}:
        return None
    return next((number for number in range(len(_files())) if char == " " or _has(number, char)), None)


def _has(number: int, char: str) -> bool:
    """Return whether a font has a letter: a missing one is drawn as the box of U+FFFF."""
    font = _font(number, MEASURE)
    return bytes(font.getmask(char)) != bytes(font.getmask("\uffff"))


@cache
def _files() -> tuple[str, ...]:
    return (str(FONT), *(path for path in OTHER_FONTS if Path(path).exists()))


@cache
def _font(number: int, size: int) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(_files()[number], size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise FontUnusable(f"{_files()[number]}: {error}") from error


COVER_WIDTH, COVER_HEIGHT = 1200, 1920  # 1 to 1.6, as Amazon, Apple and Kobo ask of a cover
COVER_MARGIN = 120
ROOM = COVER_WIDTH - 2 * COVER_MARGIN
COVER_SIZES = (150, 128, 108, 90, 76)  # of the name in pixels: the first at which it has two lines at most
NAME_LINES, PROMISE_LINES = 2, 3
YEAR, COVER_SMALL = 300, 46
COVER_TOP = 330  # pixels above the name
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
        image = Image.new("RGB", (COVER_WIDTH, COVER_HEIGHT), PAPER)
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 0, COVER_WIDTH, BAND), fill=self.accent)
        size, lines = titled(self.name)
        bottom = _write_lines(draw, COVER_TOP, lines, size, INK)
        draw.rectangle((COVER_MARGIN, bottom + 36, COVER_MARGIN + 120, bottom + 40), fill=self.accent)
        _write_lines(draw, bottom + 84, cut(self.promise, COVER_SMALL, PROMISE_LINES), COVER_SMALL, QUIET)
        write(
            draw, (COVER_MARGIN, COVER_HEIGHT - COVER_MARGIN - YEAR - 2.4 * COVER_SMALL), self.year, YEAR, self.accent
        )
        for line in cut(self.author, COVER_SMALL, 1):
            write(draw, (COVER_MARGIN, bottom - COVER_SMALL), line, COVER_SMALL, INK)
        out = BytesIO()
        image.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()


def titled(name: str) -> tuple[int, list[str]]:
    """Return the size and the lines of the name; one that fits in no size ends in …."""
    for size in COVER_SIZES:
        lines = wrapped(name, size, ROOM)
        if len(lines) <= NAME_LINES and all(length(line, size) <= ROOM for line in lines):
            return size, lines
    return COVER_SIZES[-1], cut(name, COVER_SIZES[-1], NAME_LINES)


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


def _write_lines(draw: ImageDraw.ImageDraw, top: float, lines: list[str], size: int, colour: str) -> float:
    for line in lines:
        write(draw, (COVER_MARGIN, top), line, size, colour)
        top += size * LINE_HEIGHT
    return top
