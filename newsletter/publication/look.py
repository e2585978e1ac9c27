"""The look that the author chose as one style sheet: a theme, and a colour that can be read on light and dark paper."""

import colorsys
import re
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

Colour = tuple[int, int, int]


def _hash_source(inline: str) -> str:
    """Return how a Content-Security-Policy names a script or a sheet within the page (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"


DEFAULT_THEME = "letter"
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
STATIC = Path(__file__).parent.parent / "static"
# The surfaces of site.css and the themes on which the accent stands: the lighter or darker one is the harder.
LIGHT_PAPER, DARK_PAPER = (243, 239, 231), (38, 35, 32)
# Stands in the head of every page. The scheme chosen by site.js does not flash, for a file would be waited for; and
# site.js itself comes when the page is there, for what it adds is nothing that a reader waits for.
INLINE_SCRIPT = (
    'try{const s=JSON.parse(localStorage.getItem("scheme"));'
    'if(["light","dark"].includes(s))document.documentElement.dataset.scheme=s}catch{}'
    'const{src}=document.currentScript.dataset;addEventListener("load",()=>'
    'document.head.append(Object.assign(document.createElement("script"),{src})))'
)
INLINE_SCRIPT_HASH = _hash_source(INLINE_SCRIPT)
SHEET_HASH = "<SHEET_HASH_SENTINEL>"  # in a policy, for `sheet_hash` of the publication as it is then
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


def readable(colour: Colour, paper: Colour) -> Colour:
    """Return `colour`, or its nearest darker or lighter shade that can be read on `paper`."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    end = 0 if _luminance(paper) > 0.18 else 1  # away from the paper
    saturation = min(saturation, 0.7) if end else saturation  # strong colours glare in the dark
    steps = (lightness + (end - lightness) * step / 100 for step in range(101))
    shades = (_from_hls(hue, step, saturation) for step in steps)
    return next(shade for shade in shades if contrast(shade, paper) >= CONTRAST)


def _from_hls(hue: float, lightness: float, saturation: float) -> Colour:
    red, green, blue = (round(c * 255) for c in colorsys.hls_to_rgb(hue, lightness, saturation))
    return red, green, blue


def _inked(shade: Colour) -> Colour:
    """Return what can be read on `shade`: white or black."""
    return max((WHITE, BLACK), key=lambda colour: contrast(colour, shade))


@lru_cache(maxsize=8)
def badge(accent: str) -> tuple[str, str]:
    """Return the colours of a small sign, ground and ink, that can be told apart."""
    shade = readable(_parsed(accent), LIGHT_PAPER)
    return _code(shade), _code(_inked(shade))


def colours(accent: str) -> str:
    """Return the custom properties that the pages colour with; accent is like #9a3412."""
    day, night = (readable(_parsed(accent), paper) for paper in (LIGHT_PAPER, DARK_PAPER))
    pairs = {"accent": (day, night), "on-accent": (_inked(day), _inked(night))}
    rules = (f"--{name}:light-dark({_code(light)},{_code(dark)})" for name, (light, dark) in pairs.items())
    return f":root{{{';'.join(rules)}}}"


@lru_cache(maxsize=8)
def css(accent: str, theme: str = DEFAULT_THEME) -> str:
    """Return all that a page is laid out by: site.css, over it the theme, the accent, and the colours of code.

    One sheet, which stands in the page itself: a page waits for one answer only. The default theme is site.css itself.
    """
    own = "" if theme == DEFAULT_THEME else _read(f"themes/{theme}.css")
    return _read("site.css") + own + colours(accent) + _read("code.css")


def _read(name: str) -> str:
    """Return a sheet without what only its authors need: it is of the 20 KB that a page may load."""
    css = re.sub(r"/\*.*?\*/", "", (STATIC / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    css = re.sub(r"\s*([{};,])\s*", r"\1", css)
    return css.replace(": ", ":").replace(";}", "}").strip()


@lru_cache(maxsize=8)
def version(accent: str, theme: str = DEFAULT_THEME) -> str:
    """Return what changes when the look does: 8 hex characters for its address."""
    return sha256(css(accent, theme).encode()).hexdigest()[:8]


@lru_cache(maxsize=8)
def sheet_hash(accent: str, theme: str = DEFAULT_THEME) -> str:
    """Return what a Content-Security-Policy must say of this sheet, for it to apply within a page."""
    return _hash_source(css(accent, theme))
