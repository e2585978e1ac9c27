"""Draw every picture of the sample publication: `uv run python newsletter/desk/demo_data/draw.py`.

Run by hand when a picture shall change; the PNG files are kept with the texts, because the diagrams
need a font that a server lacks (Debian: fonts-noto-cjk). The same input draws the same pixels.
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont

FOLDER = Path(__file__).parent / "pictures"
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


def fortnight() -> Sheet:
    sheet = Sheet(PAPER)
    left, step, base = 180, 30, 420
    sheet.dome(left + 7 * step, base, 7 * step, SAND)
    sheet.dome(left + 21 * step, base, 7 * step, AMBER)
    sheet.block(0, base, 1200, 210, PAPER)
    for day in range(29):
        sheet.disc(left + day * step, base, 5, INK)
    for day in (0, 14, 28):
        sheet.disc(left + day * step, base, 17, RUST)
    return sheet


def one_page() -> Sheet:
    sheet = Sheet(MIST)
    sheet.block(452, 92, 330, 456, mix(MIST, PINE, 0.25), round_by=4)
    sheet.block(432, 76, 330, 456, WHITE, round_by=4)
    sheet.block(472, 126, 150, 16, INK)
    for row, width in enumerate((250, 232, 250, 176)):
        sheet.block(472, 182 + row * 30, width, 6, CLAY)
    sheet.block(472, 314, 250, 44, RUST)
    for row, width in enumerate((250, 214, 242, 120)):
        sheet.block(472, 392 + row * 30, width, 6, CLAY)
    return sheet


def doors() -> Sheet:
    sheet = Sheet(PINE)
    floor = 500
    sheet.block(0, floor, 1200, 130, mix(PINE, NIGHT, 0.45))
    sheet.shape([(350, floor), (520, floor), (640, 630), (330, 630)], mix(AMBER, PINE, 0.45))
    sheet.block(350, 130, 170, 370, BLUSH)
    sheet.shape([(350, 130), (350, floor), (258, 548), (258, 102)], SAND)
    sheet.disc(276, 330, 8, PINE)
    sheet.block(690, 130, 170, 370, mix(PINE, NIGHT, 0.7))
    sheet.block(706, 146, 138, 354, mix(PINE, NIGHT, 0.45))
    sheet.disc(824, 325, 9, AMBER)
    return sheet


def delegation() -> Sheet:
    sheet = Sheet(BLUSH)
    base, left = 470, 170
    for step, radius in enumerate((40, 64, 92, 124, 160)):
        sheet.disc(left + radius, base - radius, radius, mix(CLAY, RUST, step / 4))
        left += radius * 2 - 20
    sheet.stroke([(110, base + 4), (1090, base + 4)], INK, width=4)
    return sheet


def small() -> Sheet:
    sheet = Sheet(SAND)
    for column in range(15):
        for row in range(7):
            far = math.hypot(column - 9, row - 3)
            tone = RUST if far == 0 else AMBER if far < 1.1 else mix(SAND, WHITE, 0.65)
            sheet.block(158 + column * 60, 108 + row * 60, 44, 44, tone, round_by=5)
    return sheet


def meeting() -> Sheet:
    sheet = Sheet(MIST)
    for seat in range(6):
        angle = math.radians(60 * seat + 30)
        sheet.disc(600 + 228 * math.cos(angle), 315 + 228 * math.sin(angle), 44, PINE)
    sheet.disc(600, 315, 204, MIST)
    sheet.disc(600, 315, 190, SAGE)
    for turn, colour in enumerate((RUST, WHITE, AMBER)):
        angle = math.radians(120 * turn - 90)
        sheet.disc(600 + 74 * math.cos(angle), 315 + 74 * math.sin(angle), 48, colour)
    return sheet


def second_draft() -> Sheet:
    sheet = Sheet(PAPER)
    sheet.block(330, 90, 320, 420, SAND, round_by=4)
    scrawl = [(372 + t * 1.1, 170 + t * 0.7 + 46 * math.sin(t / 12) + 20 * math.cos(t / 5)) for t in range(220)]
    sheet.stroke(scrawl, PINE, width=4)
    sheet.block(560, 140, 320, 420, mix(SAND, CLAY, 0.6), round_by=4)
    sheet.block(548, 128, 320, 420, WHITE, round_by=4)
    for row, width in enumerate((236, 214, 236, 190, 236, 226, 130)):
        sheet.block(590, 186 + row * 44, width, 8, RUST if row == 3 else mix(SAGE, PINE, 0.2))
    return sheet


def no() -> Sheet:
    sheet = Sheet(NIGHT)
    for right in (0, 1):
        for down in (0, 1):
            sheet.block(372 + right * 266, 87 + down * 266, 190, 190, mix(NIGHT, PINE, 0.5 + 0.25 * (right + down)))
    sheet.disc(600, 315, 186, NIGHT)
    sheet.disc(600, 315, 150, AMBER)
    return sheet


def prompt() -> Sheet:
    sheet = Sheet(SAND)
    sheet.block(300, 110, 600, 370, WHITE, round_by=28)
    sheet.shape([(390, 470), (480, 470), (390, 545)], WHITE)
    for row, width in enumerate((330, 410, 372, 300, 214)):
        sheet.disc(362, 180 + row * 58, 11, AMBER if row < 4 else RUST)
        sheet.block(400, 174 + row * 58, width, 12, mix(SAGE, PINE, 0.35), round_by=6)
    sheet.block(630, 394, 18, 36, RUST)
    return sheet


def feedback() -> Sheet:
    sheet = Sheet(MIST)
    turns = [t / 400 for t in range(1601)]
    dots = [
        (600 + (250 - 58 * t) * math.cos(t * math.tau), 315 + (250 - 58 * t) * math.sin(t * math.tau)) for t in turns
    ]
    for start in range(0, 1600, 20):
        share = start / 1600
        sheet.stroke(dots[start : start + 21], mix(SAGE, PINE, share), width=6 + 8 * share)
    sheet.disc(600, 315, 30, RUST)
    return sheet


def metrics() -> Sheet:
    sheet = Sheet(NIGHT)
    hills = Image.new("L", sheet.image.size)
    ridge = [(x, 430 - 110 * math.sin(x / 260) - 34 * math.sin(x / 83 + 1)) for x in range(0, 1201, 4)]
    ImageDraw.Draw(hills).polygon([(x * SCALE, y * SCALE) for x, y in [*ridge, (1200, 630), (0, 630)]], fill=255)
    cone = Image.new("L", sheet.image.size)
    beam = [(1010, 120), (350, 297), (410, 720), (640, 720)]
    ImageDraw.Draw(cone).polygon([(x * SCALE, y * SCALE) for x, y in beam], fill=255)
    sheet.image.paste(mix(NIGHT, AMBER, 0.22), mask=cone)
    sheet.image.paste(mix(NIGHT, PINE, 0.6), mask=hills)
    sheet.image.paste(AMBER, mask=ImageChops.multiply(hills, cone))
    sheet.disc(1010, 120, 20, WHITE)
    return sheet


def learning() -> Sheet:
    sheet = Sheet(PAPER)
    tones = (SAND, mix(SAND, AMBER, 0.45), AMBER, mix(AMBER, RUST, 0.5), RUST, INK)
    for tone, radius in zip(tones, (252, 186, 134, 92, 58, 32), strict=True):
        sheet.disc(348 + radius, 567 - radius, radius, tone)
    sheet.stroke([(240, 570), (960, 570)], INK, width=4)
    return sheet


def review() -> Sheet:
    sheet = Sheet(BLUSH)
    for line in range(25):
        top, keep = 75 + line * 20, line in (8, 12, 16)
        mouth = 315 + (line - 12) * 6
        path = [(x, top + (mouth - top) * (1 - math.cos(math.pi * x / 640)) / 2) for x in range(0, 641, 8)]
        sheet.stroke(path, RUST if keep else CLAY, width=4)
        if keep:
            sheet.stroke([(640, mouth), (1200, mouth)], RUST, width=4)
    sheet.block(634, 70, 26, 160, INK)
    sheet.block(634, 400, 26, 160, INK)
    return sheet


def slack() -> Sheet:
    sheet = Sheet(MIST)
    for bar in range(13):
        if bar != 8:
            sheet.block(179 + bar * 66, 130, 50, 370, mix(PINE, SAGE, abs(bar - 8) / 12), round_by=4)
    sheet.disc(179 + 8 * 66 + 25, 475, 25, RUST)
    return sheet


def decision_grid() -> Sheet:
    sheet = Sheet(PAPER, (1000, 640))
    cells = (
        ("一個人決定", "事後說明", 0, 0),
        ("寫成一頁", "找人反對", 1, 0),
        ("誰做誰決定", "不必報備", 0, 1),
        ("先睡一覺", "再決定", 1, 1),
    )
    tones = (AMBER, RUST, SAND, CLAY)
    for (first, second, column, row), tone in zip(cells, tones, strict=True):
        x, y = 150 + column * 405, 45 + row * 245
        colour = WHITE if tone == RUST else INK
        sheet.block(x, y, 395, 235, tone, round_by=10)
        sheet.write(x + 197, y + 88, first, size=46, colour=colour)
        sheet.write(x + 197, y + 150, second, size=38, colour=colour)
    for x, text in ((347, "可以回頭"), (752, "很難回頭")):
        sheet.write(x, 578, text, size=38, colour=PINE)
    for y, text in ((162, "影響大"), (407, "影響小")):
        for place, letter in enumerate(text):
            sheet.write(90, y + (place - 1) * 46, letter, size=38, colour=PINE)
    return sheet


def delegation_levels() -> Sheet:
    sheet = Sheet(PAPER, (1000, 390))
    sheet.shape([(110, 136), (890, 80), (890, 136)], SAND)
    sheet.stroke([(110, 140), (890, 140)], INK, width=4)
    for step, text in enumerate(("照著做", "先提案", "先問再做", "做了再說", "全權負責")):
        x, tone = 110 + step * 195, mix(CLAY, RUST, step / 4)
        sheet.disc(x, 140, 46, tone)
        sheet.write(x, 138, str(step + 1), size=46, colour=WHITE if step > 1 else INK)
        sheet.write(x, 242, text, size=38)
    sheet.write(150, 330, "你決定", size=32, colour=PINE)
    sheet.write(850, 330, "對方決定", size=32, colour=PINE)
    sheet.stroke([(240, 330), (730, 330)], SAGE, width=4)
    sheet.shape([(748, 330), (724, 318), (724, 342)], SAGE)
    return sheet


def feedback_loop() -> Sheet:
    sheet = Sheet(MIST, (1000, 600))
    radius = 200
    for part in range(4):
        angles = [math.radians(90 * part - 90 + a) for a in range(26, 61)]
        sheet.stroke([(500 + radius * math.cos(a), 300 + radius * math.sin(a)) for a in angles], PINE, width=6)
        tip = math.radians(90 * part - 90 + 65)
        head = [(radius * math.cos(tip), radius * math.sin(tip))]
        for across in (-17, 17):
            back = math.radians(90 * part - 90 + 57)
            head.append(((radius + across) * math.cos(back), (radius + across) * math.sin(back)))
        sheet.shape([(500 + x, 300 + y) for x, y in head], PINE)
    for (x, y), text, tone in (
        ((500, 100), "做", PINE),
        ((700, 300), "看見", PINE),
        ((500, 500), "說", RUST),
        ((300, 300), "調整", PINE),
    ):
        sheet.disc(x, y, 70, tone)
        sheet.write(x, y - 2, text, size=46, colour=WHITE)
    return sheet


def waiting_curve() -> Sheet:
    sheet = Sheet(PAPER, (1000, 620))
    left, base, across, up = 130, 500, 780, 22

    def place(load: float) -> Point:
        return left + load * across, base - up * load / (1 - load)

    sheet.shape(
        [(left + 0.8 * across, 60), (left + across, 60), (left + across, base), (left + 0.8 * across, base)], BLUSH
    )
    sheet.stroke([(left, base), (left + across, base)], INK, width=4)
    sheet.stroke([(left, base), (left, 60)], INK, width=4)
    sheet.stroke([place(load / 1000) for load in range(0, 951, 5)], RUST, width=8)
    for load, text in ((0.5, "1 倍"), (0.8, "4 倍"), (0.9, "9 倍"), (0.95, "19 倍")):
        x, y = place(load)
        sheet.disc(x, y, 13, RUST)
        sheet.write(x - 66, y - 34, text, size=38)
    for load in (0.5, 0.8, 0.95):
        sheet.write(left + load * across, 540, f"{load:.0%}", size=34, colour=PINE)
    sheet.write(300, 588, "忙碌程度 →", size=34, colour=PINE)
    for number, letter in enumerate("等待時間"):
        sheet.write(80, 180 + number * 44, letter, size=36, colour=PINE)
    return sheet


COVERS: tuple[Callable[[], Sheet], ...] = (
    fortnight,
    one_page,
    doors,
    delegation,
    small,
    meeting,
    second_draft,
    no,
    prompt,
    feedback,
    metrics,
    learning,
    review,
    slack,
)
DIAGRAMS: tuple[Callable[[], Sheet], ...] = (decision_grid, delegation_levels, feedback_loop, waiting_curve)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for draw in COVERS:
        draw().save(FOLDER / f"cover-{draw.__name__.replace('_', '-')}.png")
    for draw in DIAGRAMS:
        draw().save(FOLDER / f"{draw.__name__.replace('_', '-')}.png")


if __name__ == "__main__":
    main()
