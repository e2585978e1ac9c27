"""The publication's colour as CSS that can be read on light and on dark paper."""

from functools import lru_cache
from hashlib import sha256

Colour = tuple[int, int, int]

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
# The surfaces of site.css on which the accent stands: the lighter or darker one is the harder.
LIGHT_PAPER, DARK_PAPER = (243, 239, 231), (38, 35, 32)
CONTRAST = 4.6  # WCAG 2.2 AA asks 4.5 of text; the rest is for rounding


def _parsed(code: str) -> Colour:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def _code(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _luminance(colour: Colour) -> float:
    """Return the relative luminance (WCAG 2.2, definition of the term)."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _mixed(colour: Colour, towards: Colour, percent: int) -> Colour:
    red, green, blue = (round(c + (t - c) * percent / 100) for c, t in zip(colour, towards, strict=True))
    return red, green, blue


def readable(colour: Colour, paper: Colour) -> Colour:
    """Return `colour`, or its nearest shade or tint that can be read on `paper`."""
    towards = BLACK if _luminance(paper) > 0.18 else WHITE
    shades = (_mixed(colour, towards, percent) for percent in range(0, 101, 2))
    return next(shade for shade in shades if contrast(shade, paper) >= CONTRAST)


def _variables(accent: Colour, paper: Colour) -> str:
    shade = readable(accent, paper)
    ink = max((WHITE, BLACK), key=lambda colour: contrast(colour, shade))
    return f"--accent:{_code(shade)};--on-accent:{_code(ink)}"


@lru_cache(maxsize=8)
def css(accent: str) -> str:
    """Return the custom properties that site.css colours with; accent is like #9a3412."""
    light, dark = (_variables(_parsed(accent), paper) for paper in (LIGHT_PAPER, DARK_PAPER))
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def version(accent: str) -> str:
    """Return what changes when the look does: 8 hex characters for its address."""
    return sha256(css(accent).encode()).hexdigest()[:8]
