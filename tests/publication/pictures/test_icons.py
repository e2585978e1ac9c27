from io import BytesIO

import pytest
from PIL import Image

from newsletter.mail.colours import palette, parsed
from newsletter.publication.pictures import icons

ACCENT, INK = "#9a3412", "#ffffff"
COLOURS = {"accent": ACCENT, "ink": INK}


def opened(data):
    return Image.open(BytesIO(data)).convert("RGBA")


def logo(width, height, colour="#00ff00"):
    out = BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("size", icons.SIZES)
def test_an_icon_is_a_square_in_the_accent_colour(size):
    image = opened(icons.png(size, **COLOURS))

    assert image.size == (size, size)
    assert image.getpixel((size // 2, size // 8)) == (0x9A, 0x34, 0x12, 255)
    assert image.getpixel((0, 0))[3] == 0, "the corners are round"


def test_an_icon_that_the_system_cuts_is_filled_to_its_corners():
    image = opened(icons.png(512, **COLOURS, is_whole=True))

    assert image.getpixel((0, 0)) == image.getpixel((511, 511)) == (0x9A, 0x34, 0x12, 255)


def test_a_wide_logo_is_shown_whole_in_the_middle():
    image = opened(icons.png(200, **COLOURS, logo=logo(400, 100)))

    assert image.getpixel((100, 100)) == (0, 255, 0, 255)
    assert image.getpixel((1, 100)) == (0, 255, 0, 255)
    assert image.getpixel((100, 70))[3] == 0


def test_a_logo_that_the_system_cuts_stays_where_it_is_always_seen():
    image = opened(icons.png(200, **COLOURS, logo=logo(100, 100), is_whole=True))

    assert image.getpixel((21, 100)) == (0, 255, 0, 255)
    assert image.getpixel((18, 100)) == (*parsed(palette()["paper"].day), 255)


@pytest.mark.parametrize("other", [("#000000", INK, ""), (ACCENT, "#000000", ""), (ACCENT, INK, "0123/logo.png")])
def test_the_digest_changes_with_everything_that_is_seen(other):
    assert icons.digest(ACCENT, INK, "") != icons.digest(*other)
