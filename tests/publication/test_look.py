import pytest

from newsletter.publication import look

COLOURS = ["#9a3412", "#ffff00", "#000000", "#ffffff", "#808080", "#0000ff", "#00ff00"]


def colour(css, name, scheme):
    """Return the value of a custom property in the rules for light (0) or dark (1) paper."""
    code = css.split("\n")[scheme].split(f"--{name}:")[1][:7]
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


@pytest.mark.parametrize("accent", COLOURS)
@pytest.mark.parametrize(("scheme", "paper"), [(0, look.LIGHT_PAPER), (1, look.DARK_PAPER)])
def test_any_accent_can_be_read_on_both_papers(accent, scheme, paper):
    css = look.css(accent)

    assert look.contrast(colour(css, "accent", scheme), paper) >= 4.5


@pytest.mark.parametrize("accent", COLOURS)
@pytest.mark.parametrize("scheme", [0, 1])
def test_words_on_the_accent_can_be_read(accent, scheme):
    css = look.css(accent)

    assert look.contrast(colour(css, "accent", scheme), colour(css, "on-accent", scheme)) >= 4.5


def test_a_colour_that_can_be_read_stays_as_it_is():
    assert look.css("#9a3412").startswith(":root{--accent:#9a3412;--on-accent:#ffffff}")


def test_contrast_is_that_of_the_wcag():
    assert look.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert look.contrast((0x76, 0x76, 0x76), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


def test_another_accent_has_another_version():
    assert look.version("#9a3412") != look.version("#9a3413")
