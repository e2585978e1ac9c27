from io import BytesIO

import pytest
from PIL import Image, ImageColor

from newsletter.publication.pictures.cards import PAPER, length
from newsletter.publication.pictures.covers import (
    HEIGHT,
    NAME_LINES,
    ROOM,
    WIDTH,
    Cover,
    titled,
)

ACCENT = "#9a3412"
COVER = Cover("Gipi 電子報", "每兩週一封信，寫給想把事情做好的人。", "Gipi", "2026", ACCENT)


def drawn(cover):
    return Image.open(BytesIO(cover.png())).convert("RGB")


def colours(picture, box):
    return {colour for _count, colour in picture.crop(box).getcolors(maxcolors=1 << 24)}


def test_a_cover_has_the_shape_that_shops_ask_for_and_weighs_little():
    octets = COVER.png()

    assert Image.open(BytesIO(octets)).size == (1200, 1920)
    assert len(octets) < 100_000


def test_its_band_and_its_year_have_the_accent():
    picture = drawn(COVER)

    assert colours(picture, (0, 0, WIDTH, 10)) == {ImageColor.getrgb(ACCENT)}
    assert ImageColor.getrgb(ACCENT) in colours(picture, (0, HEIGHT - 600, WIDTH, HEIGHT - 200))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["信", "Gipi 電子報", "產品經理與主管的兩週一封信：管理槓桿", "字" * 200, "a" * 200])
def test_no_name_leaves_the_margins(name):
    size, lines = titled(name)

    assert 1 <= len(lines) <= NAME_LINES
    assert all(length(line, size) <= ROOM for line in lines)
    picture = drawn(Cover(name, name, name, "2026", ACCENT))
    for box in [(0, 40, 100, HEIGHT), (WIDTH - 100, 40, WIDTH, HEIGHT), (0, HEIGHT - 90, WIDTH, HEIGHT)]:
        assert colours(picture, box) == {ImageColor.getrgb(PAPER)}
