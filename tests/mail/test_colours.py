""""""

import re
from itertools import product

import pytest
from django.conf import settings

from newsletter.mail import colours
from newsletter.mail.colours import (
    contrast,
    mail_palette,
    mix,
    palette,
    parse_hex,
    readable_hex,
    text_colour_on,
)


@pytest.mark.parametrize("colour", ["#9a3412", "#ffff00", "#000000", "#ffffff", "#1e1c1a", "#808080", "#0000ff"])
@pytest.mark.parametrize("paper", ["#fffdfa", "#1e1c1a"])
def test_any_accent_can_be_read_on_both_papers(colour, paper):
    shade = parse_hex(readable_hex(colour, on=paper))

    assert contrast(shade, parse_hex(paper)) >= 4.5
    assert contrast(shade, text_colour_on(shade)) >= 4.5


def test_a_colour_that_can_be_read_is_not_touched():
    assert readable_hex("#9a3412", on="#fffdfa") == "#9a3412"


STATIC = settings.BASE_DIR / "newsletter" / "static"
ACCENTS = ["#9a3412", "#ffff00", "#000000", "#ffffff", "#808080", "#0000ff", "#00ff00"]
GROUNDS = ("paper", "raised", "wash", "code")
A_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch)\(")


def shade(name, scheme):
    return parse_hex(palette()[name][scheme])


def contrasts(*names):
    """Return how well each of these colours stands out, by its name, the ground and the scheme."""
    pairs = product(names, GROUNDS, (0, 1))
    return {pair: contrast(shade(pair[0], pair[2]), shade(pair[1], pair[2])) for pair in pairs}


def test_words_can_be_read_on_every_ground():
    found = contrasts("ink", "quiet", "accent", "good", "warn", "bad")

    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("name", ["good", "warn", "bad"])
def test_a_state_can_be_read_on_a_tint_of_its_own_and_under_words(name, scheme):
    tint = mix(shade(name, scheme), shade("paper", scheme), 0.10)  # --good-ground and its like in desk.css

    assert contrast(shade(name, scheme), tint) >= 4.5
    assert contrast(shade("ink", scheme), tint) >= 4.5
    assert contrast(shade("on-accent", scheme), shade(name, scheme)) >= 4.5


def test_borders_of_fields_and_rings_of_focus_can_be_seen_on_every_ground():
    assert {pair: ratio for pair, ratio in contrasts("edge", "accent").items() if ratio < 3} == {}


@pytest.mark.parametrize("accent", ["", *ACCENTS])
@pytest.mark.parametrize("scheme", ["by_day", "by_night"])
def test_a_mail_can_be_read_with_any_accent(accent, scheme):
    shades = mail_palette(accent)[scheme]

    def between(one, other):
        return contrast(parse_hex(shades[one]), parse_hex(shades[other]))

    assert min(between(name, ground) for name in ("ink", "quiet", "accent") for ground in ("paper", "raised")) >= 4.5
    assert between("paper", "accent") >= 4.5  # the words of a button
    assert min(between("ink", "mark"), between("ink", "code")) >= 4.5


def test_each_sheet_names_colours_of_the_palette_in_its_form():
    names = set(palette())

    for sheet in (colours.PALETTE_SHEET, *(STATIC / "themes").glob("*.css")):
        declared = re.findall(r"^ +--([a-z-]+):.*#", sheet.read_text().partition("}")[0], re.MULTILINE)
        assert sorted(declared) == sorted(colours.parse_palette(sheet)), sheet
        assert names >= set(declared)


def test_no_other_sheet_and_no_mail_has_a_colour_of_its_own():
    sheets = [
        path for path in STATIC.rglob("*.css") if path.name not in ("palette.css", "code.css")
    ]  # code.css: Pygments
    of_themes = {path: path.read_text().partition("}")[2] for path in sheets if path.parent.name == "themes"}
    mails = (settings.BASE_DIR / "templates" / "email").glob("*")
    texts = {path: path.read_text() for path in (*sheets, *mails)} | of_themes

    assert len(texts) > 20
    assert {path.name: A_COLOUR.findall(text) for path, text in texts.items() if A_COLOUR.search(text)} == {}
