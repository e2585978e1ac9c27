"""A colour that an author chose, made fit for words on the surfaces of mails and pages. Pure."""

import colorsys

Colour = tuple[int, int, int]  # red, green, blue: 0 to 255

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
# The grounds of a mail and of its panels, by day and by night: templates/email/base.html has them too.
PAPER, PAPER_PANEL = "#fffdfa", "#f4f1eb"
NIGHT, NIGHT_PANEL = "#1e1c1a", "#2a2724"
CONTRAST = 4.6  # WCAG 2.2 AA asks 4.5 of text; the rest is for rounding
DARK = 0.18  # luminance below which a surface is taken for a dark one
SATURATION_AT_NIGHT = 0.7  # strong colours glare in the dark


def parsed(code: str) -> Colour:
    """Return the colour of a code like #9a3412."""
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def code(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _luminance(colour: Colour) -> float:
    """Return the relative luminance (WCAG 2.2, definition of the term)."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: Colour, paper: Colour) -> Colour:
    """Return `colour`, or its nearest darker or lighter shade that can be read on `paper`."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    end = 0 if _luminance(paper) > DARK else 1  # away from the paper
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


def inked(shade: Colour) -> Colour:
    """Return what can be read on `shade`: white or black."""
    return max((WHITE, BLACK), key=lambda colour: contrast(colour, shade))
