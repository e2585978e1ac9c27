"""The palette of static/palette.css, for site, desk and mails; the author's accent made fit for words on it."""

import colorsys
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from rcssmin import cssmin

Colour = tuple[int, int, int]  # red, green, blue: 0 to 255

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
CONTRAST = 4.6  # WCAG 2.2 AA asks 4.5 of text; the rest is for rounding
DARK = 0.18  # luminance below which a surface is taken for a dark one
SATURATION_AT_NIGHT = 0.7  # strong colours glare in the dark
SHEET = Path(__file__).parent.parent / "static" / "palette.css"
NAMES = (
    *("paper", "raised", "code", "wash", "veil", "ink", "quiet", "line", "edge"),
    *("accent", "on-accent", "good", "warn", "bad"),
)
MARK = 0.18  # of the accent in the ground of marked words, as in site.css
_CODE = "#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3})"
_PAIR = re.compile(rf"light-dark\(({_CODE}),({_CODE})\)")


def parsed(code: str) -> Colour:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def code(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(colour: Colour) -> float:
    """Return the relative luminance (WCAG 2.2, definition of the term)."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: Colour, paper: Colour) -> Colour:
    """Return `colour`, or its nearest darker or lighter shade that can be read on `paper`."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    end = 0 if luminance(paper) > DARK else 1  # away from the paper
    saturation = min(saturation, SATURATION_AT_NIGHT) if end else saturation
    steps = (lightness + (end - lightness) * step / 100 for step in range(101))
    shades = (_from_hls(hue, step, saturation) for step in steps)
    return next(shade for shade in shades if contrast(shade, paper) >= CONTRAST)


def _from_hls(hue: float, lightness: float, saturation: float) -> Colour:
    red, green, blue = (round(c * 255) for c in colorsys.hls_to_rgb(hue, lightness, saturation))
    return red, green, blue


def legible(colour: str, *, on: str) -> str:
    """Return `readable` of codes like #9a3412. Mails need it beforehand: their CSS has no functions."""
    return code(readable(parsed(colour), parsed(on)))


def mixed(colour: Colour, ground: Colour, share: float) -> Colour:
    """Return `colour` on `ground`, as CSS has it: color-mix(in srgb, colour share, ground). share: 0 to 1."""
    red, green, blue = (round(one * share + other * (1 - share)) for one, other in zip(colour, ground, strict=True))
    return red, green, blue


def inked(shade: Colour) -> Colour:
    return max((WHITE, BLACK), key=lambda colour: contrast(colour, shade))


class PaletteError(ValueError):
    """A sheet lacks a colour of the palette, has one besides, or writes one otherwise than as light-dark(#…, #…)."""


class Pair(NamedTuple):
    """A colour by day and by night, each like #9a3412; a see-through one like #211e1a66."""

    day: str
    night: str


@cache
def palette() -> dict[str, Pair]:
    """Return every colour of NAMES. Raise PaletteError if the sheet is not whole."""
    found = named(SHEET)
    missing = ", ".join(f"--{name}" for name in NAMES if name not in found)
    if missing:
        raise PaletteError(f"{SHEET.name} does not name {missing}")
    return found


def named(sheet: Path) -> dict[str, Pair]:
    """Return the colours that the first rule of a sheet names: for a theme, some of NAMES. Raise PaletteError."""
    rule = cssmin(sheet.read_text(encoding="utf-8")).partition("{")[2].partition("}")[0]
    declared = (declaration.partition(":")[::2] for declaration in rule.split(";"))
    return {
        name.removeprefix("--"): _pair(sheet.name, name, value)
        for name, value in declared
        if name.removeprefix("--") in NAMES or "#" in value
    }


def _pair(sheet: str, name: str, value: str) -> Pair:
    found = _PAIR.fullmatch(value)
    if name.removeprefix("--") not in NAMES:
        raise PaletteError(f"{sheet} names {name}, which is not of the palette")
    if not found:
        raise PaletteError(f"{sheet}: {name} must be light-dark(#day, #night), got {value!r}")
    return Pair(*(_in_full(shade) for shade in found.groups()))


def _in_full(shade: str) -> str:
    return shade if len(shade) > len("#fff") else "#" + "".join(digit * 2 for digit in shade[1:])


def of_mail(accent: str = "") -> dict[str, dict[str, str]]:
    """Return what templates/email colour with, `by_day` and `by_night`: the palette, with `accent` made readable.

    accent: like #9a3412; "" for that of the palette. `mark` is the ground of marked words. Mails need each value
    beforehand: their CSS has no functions.
    """
    schemes = {"by_day": Pair._fields.index("day"), "by_night": Pair._fields.index("night")}
    return {scheme: _in_scheme(index, accent) for scheme, index in schemes.items()}


def given(accent: str) -> Pair:
    """Return what an accent is by day and by night before it is made readable.

    That of the palette, or "", has a shade for the night of its own: site, mails and desk show the same.
    """
    own = palette()["accent"]
    return own if accent.lower() in ("", own.day) else Pair(accent, accent)


def _in_scheme(index: int, accent: str) -> dict[str, str]:
    shades = {name: pair[index] for name, pair in palette().items()}
    shades["accent"] = legible(given(accent)[index], on=shades["raised"])
    shades["mark"] = code(mixed(parsed(shades["accent"]), parsed(shades["paper"]), MARK))
    return shades
