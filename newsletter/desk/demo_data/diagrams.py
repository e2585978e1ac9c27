"""The diagrams in the texts, with Chinese words."""

import math
from collections.abc import Callable

from newsletter.desk.demo_data.sheet import (
    AMBER,
    BLUSH,
    CLAY,
    INK,
    MIST,
    PAPER,
    PINE,
    RUST,
    SAGE,
    SAND,
    WHITE,
    Point,
    Sheet,
    mix,
)


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


ALL: tuple[Callable[[], Sheet], ...] = (decision_grid, delegation_levels, feedback_loop, waiting_curve)
