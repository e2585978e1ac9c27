from io import BytesIO

from PIL import Image

from newsletter.publication.pictures.halo import PAPER, with_halo


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


def test_far_from_the_ink_the_logo_stays_see_through():
    found = Image.open(BytesIO(with_halo(png(see_through()))))

    assert found.getpixel((0, 0))[3] == 0


def test_a_picture_that_hides_its_ground_needs_no_halo():
    solid = png(Image.new("RGBA", (10, 10), (1, 2, 3, 255)))
    drawn = png(Image.new("RGB", (10, 10), (1, 2, 3)))

    assert with_halo(solid) == solid
    assert with_halo(drawn) == drawn
