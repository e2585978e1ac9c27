from io import BytesIO

import pytest
from PIL import Image

from newsletter.publication.pictures.square import PAPER, SIDE, squared


def picture(size, colour, mode="RGB", kind="PNG"):
    out = BytesIO()
    Image.new(mode, size, colour).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("size", [(900, 600), (600, 900), (40, 40), (1, 3000)])
def test_any_picture_becomes_a_small_square(size):
    octets = squared(picture(size, (20, 90, 160)))

    image = Image.open(BytesIO(octets))
    assert (image.format, image.size) == ("JPEG", (SIDE, SIDE))
    assert len(octets) < 10_000


def test_what_is_see_through_gets_paper_behind_it():
    kept = Image.open(BytesIO(squared(picture((50, 50), (0, 0, 0, 0), mode="RGBA"))))

    assert max(abs(a - b) for a, b in zip(kept.getpixel((80, 80)), PAPER, strict=True)) < 4
