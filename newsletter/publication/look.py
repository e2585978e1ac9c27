"""The site's style sheet: theme and accent colour, readable in the light and the dark scheme."""

from base64 import b64encode
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path

from rcssmin import cssmin

from newsletter.mail.colours import (
    Colour,
    ColourPair,
    accent_pair,
    ink_on,
    luminance,
    palette,
    parse_hex,
    parse_sheet,
    readable,
    to_hex,
)


def _hash_source(inline: str) -> str:
    """The CSP source of an inline script or style sheet (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"


DEFAULT_THEME = "letter"
STATIC = Path(__file__).parent.parent / "static"
SURFACES = ("paper", "raised", "code")  # backgrounds of the accent
# In the head of every page: applies the stored colour scheme without a flash, and loads site.js after the page, which
# does not depend on it.
INLINE_SCRIPT = (
    'try{const s=JSON.parse(localStorage.getItem("scheme"));'
    'if(["light","dark"].includes(s))document.documentElement.dataset.scheme=s}catch{}'
    'const{src}=document.currentScript.dataset;addEventListener("load",()=>'
    'document.head.append(Object.assign(document.createElement("script"),{src})))'
)
INLINE_SCRIPT_HASH = _hash_source(INLINE_SCRIPT)
# Placeholders in settings.SECURE_CSP for INLINE_SCRIPT_HASH and the current `sheet_hash`.
SCRIPT_HASH, SHEET_HASH = "<INLINE_SCRIPT_HASH>", "<SHEET_HASH>"


@cache
def theme_palette(theme: str) -> dict[str, ColourPair]:
    return palette() if theme == DEFAULT_THEME else palette() | parse_sheet(STATIC / f"themes/{theme}.css")


@lru_cache(maxsize=8)
def badge_colours(accent: str) -> tuple[str, str]:
    """Background and ink of the icon, with enough contrast."""
    day, _night = _shades(accent, DEFAULT_THEME)
    return to_hex(day), to_hex(ink_on(day))


def _shades(accent: str, theme: str) -> tuple[Colour, Colour]:
    """The accent in both schemes, readable on each surface of the theme."""
    surfaces = [theme_palette(theme)[name] for name in SURFACES]
    darkest = min((parse_hex(surface.day) for surface in surfaces), key=luminance)
    lightest = max((parse_hex(surface.night) for surface in surfaces), key=luminance)
    by_day, by_night = accent_pair(accent)
    return readable(parse_hex(by_day), darkest), readable(parse_hex(by_night), lightest)


def colours(accent: str, theme: str) -> str:
    """CSS custom properties of the accent, which is like #9a3412."""
    day, night = _shades(accent, theme)
    pairs = {"accent": (day, night), "on-accent": (ink_on(day), ink_on(night))}
    rules = (f"--{name}:light-dark({to_hex(light)},{to_hex(dark)})" for name, (light, dark) in pairs.items())
    return f":root:root{{{';'.join(rules)}}}"


@lru_cache(maxsize=8)
def css(accent: str, theme: str = DEFAULT_THEME) -> str:
    """The whole style sheet: palette.css, site.css, theme, accent and code.css.

    It is inlined, so that a page needs one request. The default theme is site.css itself.
    """
    own = "" if theme == DEFAULT_THEME else _minified(f"themes/{theme}.css")
    return _minified("palette.css") + _minified("site.css") + own + colours(accent, theme) + _minified("code.css")


def _minified(name: str) -> str:
    """Minified: it counts toward the 20 KB of a page."""
    return str(cssmin((STATIC / name).read_text(encoding="utf-8")))


@lru_cache(maxsize=8)
def version(accent: str, theme: str = DEFAULT_THEME) -> str:
    """8 hex characters for the URL of the style sheet."""
    return sha256(css(accent, theme).encode()).hexdigest()[:8]


@lru_cache(maxsize=8)
def sheet_hash(accent: str, theme: str = DEFAULT_THEME) -> str:
    """The CSP source of the inlined style sheet."""
    return _hash_source(css(accent, theme))
