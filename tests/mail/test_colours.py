import colorsys

import pytest

from newsletter.mail.colours import contrast, inked, legible, parsed


@pytest.mark.parametrize("colour", ["#9a3412", "#ffff00", "#000000", "#ffffff", "#1e1c1a", "#808080", "#0000ff"])
@pytest.mark.parametrize("paper", ["#fffdfa", "#1e1c1a"])
def test_any_accent_can_be_read_on_both_papers(colour, paper):
    shade = parsed(legible(colour, on=paper))

    assert contrast(shade, parsed(paper)) >= 4.5
    assert contrast(shade, inked(shade)) >= 4.5


def test_a_colour_that_can_be_read_is_not_touched():
    assert legible("#9a3412", on="#fffdfa") == "#9a3412"


@pytest.mark.parametrize(("colour", "paper"), [("#9a3412", "#1e1c1a"), ("#0b4f9c", "#1e1c1a"), ("#ffcc00", "#fffdfa")])
def test_a_shade_is_of_the_same_hue(colour, paper):
    hue, _lightness, _saturation = hls(colour)

    shaded, _lightness, saturation = hls(legible(colour, on=paper))

    assert shaded == pytest.approx(hue, abs=0.02)
    assert saturation > 0.5


def hls(code):
    return colorsys.rgb_to_hls(*(channel / 255 for channel in parsed(code)))


def test_contrast_is_that_of_the_wcag():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((0x76, 0x76, 0x76), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)
