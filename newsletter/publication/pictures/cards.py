"""Draw the sharing card of a page and the cover of a year's book, with Chinese line breaking. Uses no database.

The font is a subset of Noto Serif TC Bold (SIL Open Font License 1.1, fonts/OFL.txt) with the 13,000 characters of
Big5. Other characters come from system fonts, or are omitted.
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

DRAWING_VERSION = "2"  # a new one changes every card's URL
WIDTH, HEIGHT = 1200, 630  # shown uncropped by Facebook, LINE and X
MARGIN = 84
PAPER, INK, QUIET = (palette()[name].light for name in ("paper", "ink", "quiet"))
TITLE_SIZES = (92, 80, 68, 58, 50)  # pixels: the largest that fits
LINE_HEIGHT = 1.34
TITLE_TOP = 158  # pixels above the title
SMALL_SIZE, NUMBER_SIZE = 34, 112  # pixels
MEASURED_SIZE = 100  # pixels: widths are measured at one size and scaled, because each size loads the font again
FONT = Path(__file__).parent.parent / "fonts" / "NotoSerifTC-Bold.woff2"
OTHER_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/System/Library/Fonts/PingFang.ttc",
)
NOT_AT_LINE_START = set("，。、；：？！）」』》〉】〕｝…—～·％%,.;:?!)]}’”々ー")
NOT_AT_LINE_END = set("（「『《〈【〔｛([{‘“")
# Characters that often begin or end a phrase; a break between others may split a word: 產｜品.
PHRASE_STARTS = set(
    "和與及或而但在從對把被讓使為以用給向跟比由也都就才不沒很最更再又還要能會可該是有我你他她它這那每哪怎什誰"
)
PHRASE_ENDS = set("的了著過得地們嗎呢吧啊是")
PARTICLES = set("的了著過們嗎呢吧啊")
WORD_COST, SPLIT_COST = 0.05, 0.3  # of a break; an uneven line costs its squared deviation


class FontUnusable(Exception):
    """The font of the cards cannot be read."""


@dataclass(frozen=True)
class Card:
    """number: of an issue; "" for a post."""

    title: str
    name: str  # of the publication
    detail: str  # such as a date
    accent: str  # as #rrggbb
    number: str = ""

    @property
    def digest(self) -> str:
        """16 hex characters that change with all that is visible."""
        return sha256("\0".join([DRAWING_VERSION, *astuple(self)]).encode()).hexdigest()[:16]

    def png(self) -> bytes:
        """Raise FontUnusable if the font cannot be read."""
        image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 0, WIDTH, 14), fill=self.accent)
        draw_text(draw, (MARGIN, MARGIN), self.name, SMALL_SIZE, self.accent)
        self._draw_title(draw)
        draw_text(draw, (MARGIN, HEIGHT - MARGIN - SMALL_SIZE), self.detail, SMALL_SIZE, QUIET)
        if self.number:
            width = text_width(self.number, NUMBER_SIZE)
            corner = (WIDTH - MARGIN - width, HEIGHT - MARGIN - NUMBER_SIZE)
            draw_text(draw, corner, self.number, NUMBER_SIZE, self.accent)
        out = BytesIO()
        image.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()

    def _draw_title(self, draw: ImageDraw.ImageDraw) -> None:
        room = HEIGHT - TITLE_TOP - MARGIN - (NUMBER_SIZE if self.number else SMALL_SIZE) - 20
        size, lines = fit_title(self.title, room)
        top = TITLE_TOP + (room - len(lines) * size * LINE_HEIGHT) / 2
        for number, line in enumerate(lines):
            draw_text(draw, (MARGIN, top + number * size * LINE_HEIGHT), line, size, INK)


def fit_title(title: str, room: float) -> tuple[int, list[str]]:
    """Font size and lines for `room` pixels of height; a title that never fits is cut with …."""
    for size in TITLE_SIZES:
        lines = wrap_lines(title, size, WIDTH - 2 * MARGIN)
        if len(lines) * size * LINE_HEIGHT <= room:
            return size, _balanced_lines(title, size, len(lines))
    size = TITLE_SIZES[-1]
    return size, truncate_lines(title, size, int(room // (size * LINE_HEIGHT)), WIDTH - 2 * MARGIN)


def _balanced_lines(title: str, size: int, count: int) -> list[str]:
    """Break into `count` even lines, after punctuation or between phrases, by dynamic programming."""
    pieces = list(_pieces(title))
    even = text_width(title, size) / count

    @cache
    def best(start: int, left: int) -> tuple[float, tuple[str, ...]]:
        """Minimal cost and lines of the pieces from `start` on in `left` lines."""
        ends = [len(pieces)] if left == 1 else range(start + 1, len(pieces) - left + 2)
        candidates = []
        for end in ends:
            line = "".join(pieces[start:end]).strip()
            width = text_width(line, size)
            if width > WIDTH - 2 * MARGIN and end - start > 1:
                break
            cost, lines = best(end, left - 1) if left > 1 else (0.0, ())
            breaks = _break_cost(pieces[end - 1], pieces[end]) if left > 1 else 0.0
            candidates.append((cost + breaks + (width / even - 1) ** 2, (line, *lines)))
        return min(candidates, default=(inf, ()))

    cost, lines = best(0, count)
    return list(lines) if cost < inf else wrap_lines(title, size, WIDTH - 2 * MARGIN)


def _break_cost(before: str, after: str) -> float:
    """Cost of a line break between two pieces; 0 at a pause."""
    if after[0] in PARTICLES:
        return 2 * SPLIT_COST
    if before[-1] in NOT_AT_LINE_START or before[-1].isspace() or after[0].isspace() or after[0] in NOT_AT_LINE_END:
        return 0.0
    if _is_word(before[-1]) or _is_word(after[0]) or before[-1] in PHRASE_ENDS or after[0] in PHRASE_STARTS:
        return WORD_COST
    return SPLIT_COST


def wrap_lines(text: str, size: int, width: float) -> list[str]:
    """Greedy wrapping to `width` pixels by words and Chinese punctuation rules; a word that is too wide gets a line."""
    lines = [""]
    for piece in _pieces(text):
        if lines[-1] and text_width((lines[-1] + piece).rstrip(), size) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def _pieces(text: str) -> Iterator[str]:
    """Yield unbreakable pieces: words, and characters with their punctuation."""
    piece = ""
    for char in " ".join(text.split()):
        joins = (
            char in NOT_AT_LINE_START
            or (piece and piece[-1] in NOT_AT_LINE_END)
            or (_is_word(piece[-1:]) and _is_word(char))
        )
        if piece and not joins:
            yield piece
            piece = ""
        piece += char
    if piece:
        yield piece


def _is_word(char: str) -> bool:
    return (
        bool(char)
        and not char.isspace()
        and unicodedata.east_asian_width(char) not in "WF"
        and char not in NOT_AT_LINE_END
    )


def draw_text(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, colour: str) -> None:
    x, y = at
    for number, run in _runs(text):
        font = _font(number, size)
        draw.text((x, y + size), run, font=font, fill=colour, anchor="ls")
        x += font.getlength(run)


def text_width(text: str, size: int) -> float:
    return sum(_font(number, MEASURED_SIZE).getlength(run) for number, run in _runs(text)) * size / MEASURED_SIZE


def _runs(text: str) -> Iterator[tuple[int, str]]:
    """Yield runs with the index of their font; characters without a font are omitted."""
    for number, chars in groupby(text, key=_font_index):
        if number is not None:
            yield number, "".join(chars)


@cache
def _font_index(char: str) -> int | None:
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Mn"}:
        return None
    return next((number for number in range(len(_font_files())) if char == " " or _has_glyph(number, char)), None)


def _has_glyph(number: int, char: str) -> bool:
    """A missing glyph looks like that of U+FFFF."""
    font = _font(number, MEASURED_SIZE)
    return bytes(font.getmask(char)) != bytes(font.getmask("\uffff"))


@cache
def _font_files() -> tuple[str, ...]:
    return (str(FONT), *(path for path in OTHER_FONTS if Path(path).exists()))


@cache
def _font(number: int, size: int) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(_font_files()[number], size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise FontUnusable(f"{_font_files()[number]}: {error}") from error


COVER_WIDTH, COVER_HEIGHT = 1200, 1920  # 1 to 1.6, as Amazon, Apple and Kobo ask of a cover
COVER_MARGIN = 120
COVER_TEXT_WIDTH = COVER_WIDTH - 2 * COVER_MARGIN
COVER_NAME_SIZES = (150, 128, 108, 90, 76)  # pixels: the largest that needs at most two lines
NAME_LINES_MAX, PROMISE_LINES_MAX = 2, 3
YEAR_SIZE, COVER_SMALL_SIZE = 300, 46
COVER_NAME_TOP = 330  # pixels above the name
BAND_HEIGHT = 26  # pixels of the accent at the upper edge


@dataclass(frozen=True)
class Cover:
    """accent: as #rrggbb."""

    name: str
    promise: str
    author: str
    year: str
    accent: str

    def png(self) -> bytes:
        """Raise FontUnusable if the font cannot be read."""
        image = Image.new("RGB", (COVER_WIDTH, COVER_HEIGHT), PAPER)
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 0, COVER_WIDTH, BAND_HEIGHT), fill=self.accent)
        size, lines = fit_name(self.name)
        bottom = _write_lines(draw, COVER_NAME_TOP, lines, size, INK)
        draw.rectangle((COVER_MARGIN, bottom + 36, COVER_MARGIN + 120, bottom + 40), fill=self.accent)
        promise = truncate_lines(self.promise, COVER_SMALL_SIZE, PROMISE_LINES_MAX)
        _write_lines(draw, bottom + 84, promise, COVER_SMALL_SIZE, QUIET)
        year_top = COVER_HEIGHT - COVER_MARGIN - YEAR_SIZE - 2.4 * COVER_SMALL_SIZE
        draw_text(draw, (COVER_MARGIN, year_top), self.year, YEAR_SIZE, self.accent)
        for line in truncate_lines(self.author, COVER_SMALL_SIZE, 1):
            foot = COVER_HEIGHT - COVER_MARGIN - COVER_SMALL_SIZE
            draw_text(draw, (COVER_MARGIN, foot), line, COVER_SMALL_SIZE, INK)
        out = BytesIO()
        image.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()


def fit_name(name: str) -> tuple[int, list[str]]:
    """Font size and lines of the name; cut with … if it never fits."""
    for size in COVER_NAME_SIZES:
        lines = wrap_lines(name, size, COVER_TEXT_WIDTH)
        if len(lines) <= NAME_LINES_MAX and all(text_width(line, size) <= COVER_TEXT_WIDTH for line in lines):
            return size, lines
    return COVER_NAME_SIZES[-1], truncate_lines(name, COVER_NAME_SIZES[-1], NAME_LINES_MAX)


def truncate_lines(text: str, size: int, count: int, width: float = COVER_TEXT_WIDTH) -> list[str]:
    whole = [line for line in wrap_lines(text, size, width) if line]
    lines = whole[:count]
    if lines and (len(whole) > count or text_width(lines[-1], size) > width):
        last = lines[-1]
        while last and text_width(f"{last}…", size) > width:
            last = last[:-1]
        lines[-1] = f"{last}…"
    return lines


def _write_lines(draw: ImageDraw.ImageDraw, top: float, lines: list[str], size: int, colour: str) -> float:
    for line in lines:
        draw_text(draw, (COVER_MARGIN, top), line, size, colour)
        top += size * LINE_HEIGHT
    return top
