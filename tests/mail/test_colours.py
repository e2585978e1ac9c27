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
