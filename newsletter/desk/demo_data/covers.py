"""The covers: one idea each, without words."""

import math
from collections.abc import Callable

from PIL import Image, ImageChops, ImageDraw

from newsletter.desk.demo_data.sheet import (
    AMBER,
    BLUSH,
    CLAY,
    INK,
    MIST,
    NIGHT,
    PAPER,
    PINE,
    RUST,
    SAGE,
    SAND,
    SCALE,
    WHITE,
    Sheet,
    mix,
)


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


ALL: tuple[Callable[[], Sheet], ...] = (
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
