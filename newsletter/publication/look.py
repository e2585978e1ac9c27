"""The look that the author chose as one style sheet: a theme, and a colour that can be read on light and dark paper."""

from base64 import b64encode
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path

from rcssmin import cssmin

from newsletter.mail.colours import Colour, Pair, code, given, inked, luminance, named, palette, parsed, readable


def _hash_source(inline: str) -> str:
    """Return how a Content-Security-Policy names a script or a sheet within the page (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"


DEFAULT_THEME = "letter"
STATIC = Path(__file__).parent.parent / "static"
SURFACES = ("paper", "raised", "code")  # on which the accent stands
# Stands in the head of every page. The scheme chosen by site.js does not flash, for a file would be waited for; and
# site.js itself comes when the page is there, for what it adds is nothing that a reader waits for.
INLINE_SCRIPT = (
    'try{const s=JSON.parse(localStorage.getItem("scheme"));'
    'if(["light","dark"].includes(s))document.documentElement.dataset.scheme=s}catch{}'
    'const{src}=document.currentScript.dataset;addEventListener("load",()=>'
    'document.head.append(Object.assign(document.createElement("script"),{src})))'
)
INLINE_SCRIPT_HASH = _hash_source(INLINE_SCRIPT)
# In SECURE_CSP of the settings, for INLINE_SCRIPT_HASH, and for `sheet_hash` of the publication as it is then.
SCRIPT_HASH, SHEET_HASH = "<INLINE_SCRIPT_HASH>", "<SHEET_HASH>"


@cache
def palette_of(theme: str) -> dict[str, Pair]:
    return palette() if theme == DEFAULT_THEME else palette() | named(STATIC / f"themes/{theme}.css")


@lru_cache(maxsize=8)
def badge(accent: str) -> tuple[str, str]:
    """Return the colours of a small sign, ground and ink, with enough contrast."""
    day, _night = _shades(accent, DEFAULT_THEME)
    return code(day), code(inked(day))


def _shades(accent: str, theme: str) -> tuple[Colour, Colour]:
    """Return the accent by day and by night, as it can be read on each surface of the theme."""
    surfaces = [palette_of(theme)[name] for name in SURFACES]
    darkest = min((parsed(surface.day) for surface in surfaces), key=luminance)
    lightest = max((parsed(surface.night) for surface in surfaces), key=luminance)
    by_day, by_night = given(accent)
    return readable(parsed(by_day), darkest), readable(parsed(by_night), lightest)


def colours(accent: str, theme: str) -> str:
    """Return the custom properties that stand for the palette's accent; accent is like #9a3412."""
    day, night = _shades(accent, theme)
    pairs = {"accent": (day, night), "on-accent": (inked(day), inked(night))}
    rules = (f"--{name}:light-dark({code(light)},{code(dark)})" for name, (light, dark) in pairs.items())
    return f":root:root{{{';'.join(rules)}}}"


@lru_cache(maxsize=8)
def css(accent: str, theme: str = DEFAULT_THEME) -> str:
    """Return all that a page is laid out by: palette.css, site.css, the theme, the accent, and the colours of code.

    One sheet, which stands in the page itself: a page waits for one answer only. The default theme is site.css itself.
    """
    own = "" if theme == DEFAULT_THEME else _read(f"themes/{theme}.css")
    return _read("palette.css") + _read("site.css") + own + colours(accent, theme) + _read("code.css")


def _read(name: str) -> str:
    """Return a sheet without what only its authors need: it is of the 20 KB that a page may load."""
    return str(cssmin((STATIC / name).read_text(encoding="utf-8")))


@lru_cache(maxsize=8)
def version(accent: str, theme: str = DEFAULT_THEME) -> str:
    """Return what changes when the look does: 8 hex characters for its address."""
    return sha256(css(accent, theme).encode()).hexdigest()[:8]


@lru_cache(maxsize=8)
def sheet_hash(accent: str, theme: str = DEFAULT_THEME) -> str:
    """Return what a Content-Security-Policy must say of this sheet, for it to apply within a page."""
    return _hash_source(css(accent, theme))
