"""The icon, the glow around a logo, and a face as a square."""

from io import BytesIO

import pytest
from PIL import Image

from newsletter.mail.colours import palette, parse_hex
from newsletter.publication.pictures import icons
from newsletter.publication.pictures.icons import FACE_PIXELS, PAPER, square_crop, with_halo

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
    assert image.getpixel((18, 100)) == (*parse_hex(palette()["paper"].light), 255)


def png(image):
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def see_through(width=320, height=72):
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    image.paste((20, 20, 20, 255), (100, 20, 220, 52))
    return image


def test_dark_ink_has_paper_around_it_and_is_itself_untouched():
    found = Image.open(BytesIO(with_halo(png(see_through()))))

    margin = (found.width - 320) // 2
    assert found.getpixel((margin + 160, margin + 36)) == (20, 20, 20, 255)
    red, green, blue, alpha = found.getpixel((margin + 98, margin + 36))
    assert (red, green, blue) == PAPER
    assert alpha > 128


def picture(size, colour, mode="RGB", kind="PNG"):
    out = BytesIO()
    Image.new(mode, size, colour).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("size", [(900, 600), (600, 900), (40, 40), (1, 3000)])
def test_any_picture_becomes_a_small_square(size):
    octets = square_crop(picture(size, (20, 90, 160)))

    image = Image.open(BytesIO(octets))
    assert (image.format, image.size) == ("JPEG", (FACE_PIXELS, FACE_PIXELS))
    assert len(octets) < 10_000


def test_what_is_see_through_gets_paper_behind_it():
    kept = Image.open(BytesIO(square_crop(picture((50, 50), (0, 0, 0, 0), mode="RGBA"))))

    assert max(abs(a - b) for a, b in zip(kept.getpixel((80, 80)), PAPER, strict=True)) < 4
