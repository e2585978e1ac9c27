"""The palette of static/palette.css, and shades of the author's accent that have enough contrast."""

import colorsys
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from rcssmin import cssmin

Colour = tuple[int, int, int]  # red, green, blue: 0 to 255

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
CONTRAST_MIN = 4.6  # WCAG 2.2 AA requires 4.5; the rest is for rounding
DARK_LUMINANCE = 0.18  # below it a surface counts as dark
DARK_SATURATION_MAX = 0.7  # strong colours glare in the dark
PALETTE_SHEET = Path(__file__).parent.parent / "static" / "palette.css"
MARK_SHARE = 0.18  # share of the accent in the background of <mark>, as in site.css
_HEX_CODE = "#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3})"
_DECLARATION = re.compile(rf"--([a-z-]+):light-dark\(({_HEX_CODE}),({_HEX_CODE})\)")


def parse_hex(code: str) -> Colour:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def to_hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(colour: Colour) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ensure_contrast(colour: Colour, paper: Colour) -> Colour:
    """`colour`, or its nearest shade with enough contrast on `paper`."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    end = 0 if luminance(paper) > DARK_LUMINANCE else 1  # away from the paper
    saturation = min(saturation, DARK_SATURATION_MAX) if end else saturation
    steps = (lightness + (end - lightness) * step / 100 for step in range(101))
    shades = (_from_hls(hue, step, saturation) for step in steps)
    return next(shade for shade in shades if contrast(shade, paper) >= CONTRAST_MIN)


def _from_hls(hue: float, lightness: float, saturation: float) -> Colour:
    red, green, blue = (round(c * 255) for c in colorsys.hls_to_rgb(hue, lightness, saturation))
    return red, green, blue


def readable_hex(colour: str, *, on: str) -> str:
    """`ensure_contrast` for codes like #9a3412."""
    return to_hex(ensure_contrast(parse_hex(colour), parse_hex(on)))


def mix(colour: Colour, ground: Colour, share: float) -> Colour:
    """CSS: color-mix(in srgb, colour share, ground). share: 0 to 1."""
    red, green, blue = (round(one * share + other * (1 - share)) for one, other in zip(colour, ground, strict=True))
    return red, green, blue


def text_colour_on(shade: Colour) -> Colour:
    return max((WHITE, BLACK), key=lambda colour: contrast(colour, shade))


class ColourPair(NamedTuple):
    """A colour in the light and the dark scheme, like #9a3412, or #211e1a66 with alpha."""

    light: str
    dark: str


@cache
def palette() -> dict[str, ColourPair]:
    return parse_palette(PALETTE_SHEET)


def parse_palette(sheet: Path) -> dict[str, ColourPair]:
    """The colours in the first rule of a style sheet: all of the palette, or some in a theme's."""
    rule = cssmin(sheet.read_text(encoding="utf-8")).partition("{")[2].partition("}")[0]
    return {name: ColourPair(_long(light), _long(dark)) for name, light, dark in _DECLARATION.findall(rule)}


def _long(code: str) -> str:
    return "#" + "".join(digit * 2 for digit in code[1:]) if len(code) == 4 else code


def mail_palette(accent: str = "") -> dict[str, dict[str, str]]:
    """Template context of templates/email: `by_day` and `by_night`, the palette with a readable accent.

    accent: like #9a3412; "" for the palette's. Computed here, because CSS in mails has no functions.
    """
    schemes = {"by_day": ColourPair._fields.index("light"), "by_night": ColourPair._fields.index("dark")}
    return {scheme: _scheme_palette(index, accent) for scheme, index in schemes.items()}


def accent_pair(accent: str) -> ColourPair:
    """The accent of each scheme, before `ensure_contrast`. A custom accent is the same in both."""
    own = palette()["accent"]
    return own if accent.lower() in ("", own.light) else ColourPair(accent, accent)


def _scheme_palette(index: int, accent: str) -> dict[str, str]:
    shades = {name: pair[index] for name, pair in palette().items()}
    shades["accent"] = readable_hex(accent_pair(accent)[index], on=shades["raised"])
    shades["mark"] = to_hex(mix(parse_hex(shades["accent"]), parse_hex(shades["paper"]), MARK_SHARE))
    return shades
