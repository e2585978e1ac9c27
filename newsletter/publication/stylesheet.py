"""The site's style sheet: theme and accent colour, readable in the light and the dark scheme."""

import re
from base64 import b64encode
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path

from rcssmin import cssmin

from newsletter.mail.colours import (
    Colour,
    ColourPair,
    accent_pair,
    ensure_contrast,
    luminance,
    palette,
    parse_hex,
    parse_palette,
    text_colour_on,
    to_hex,
)


def csp_hash(inline: str) -> str:
    """The CSP source of an inline script or style sheet (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"


DEFAULT_THEME = "letter"
STATIC_DIR = Path(__file__).parent.parent / "static"
SURFACE_NAMES = ("paper", "raised", "code")  # backgrounds of the accent
# In the head of every page: applies the stored colour scheme without a flash, and loads site.js after the page, which
# does not depend on it.
INLINE_SCRIPT = (
    'try{const s=JSON.parse(localStorage.getItem("scheme"));'
    'if(["light","dark"].includes(s))document.documentElement.dataset.scheme=s}catch{}'
    'const{src}=document.currentScript.dataset;addEventListener("load",()=>'
    'document.head.append(Object.assign(document.createElement("script"),{src})))'
)
SCRIPT_CSP_HASH = csp_hash(INLINE_SCRIPT)
# Placeholders in settings.SECURE_CSP for SCRIPT_CSP_HASH and the hash of the page's sheet.
SCRIPT_HASH_PLACEHOLDER, STYLE_HASH_PLACEHOLDER = "<INLINE_SCRIPT_HASH>", "<SHEET_HASH>"

RULE = re.compile(r"(@media[^{]+)\{((?:[^{}]+\{[^{}]*\})*)\}|([^{}]+)(\{[^{}]*\})")
COMMA = re.compile(r",(?![^()]*(?:\([^()]*\)[^()]*)*\))")  # between selectors
# What names no element or class that must be there: at-rules, pseudo-classes and their alternatives, attributes.
NO_NAME = re.compile(r"\([^()]*\)|\[[^\]]*\]|::?[a-z-]+|@[a-z-]+")
NAME = re.compile(r"\.?[a-z][\w-]*")


@cache
def theme_palette(theme: str) -> dict[str, ColourPair]:
    return palette() if theme == DEFAULT_THEME else palette() | parse_palette(STATIC_DIR / f"themes/{theme}.css")


@lru_cache(maxsize=8)
def icon_colours(accent: str) -> tuple[str, str]:
    """Background and text colour of the icon, with enough contrast."""
    light, _dark = _accent_colours(accent, DEFAULT_THEME)
    return to_hex(light), to_hex(text_colour_on(light))


def _accent_colours(accent: str, theme: str) -> tuple[Colour, Colour]:
    """The accent in both schemes, readable on each surface of the theme."""
    surfaces = [theme_palette(theme)[name] for name in SURFACE_NAMES]
    darkest = min((parse_hex(surface.light) for surface in surfaces), key=luminance)
    lightest = max((parse_hex(surface.dark) for surface in surfaces), key=luminance)
    light, dark = accent_pair(accent)
    return ensure_contrast(parse_hex(light), darkest), ensure_contrast(parse_hex(dark), lightest)


def accent_css(accent: str, theme: str) -> str:
    """CSS custom properties of the accent, which is like #9a3412."""
    light, dark = _accent_colours(accent, theme)
    pairs = {"accent": (light, dark), "on-accent": (text_colour_on(light), text_colour_on(dark))}
    rules = (
        f"--{name}:light-dark({to_hex(own_light)},{to_hex(own_dark)})" for name, (own_light, own_dark) in pairs.items()
    )
    return f":root:root{{{';'.join(rules)}}}"


@lru_cache(maxsize=8)
def full_css(accent: str, theme: str = DEFAULT_THEME) -> str:
    """The whole style sheet: palette.css, site.css, theme, accent and code.css.

    It is inlined, so that a page needs one request. The default theme is site.css itself.
    """
    own = "" if theme == DEFAULT_THEME else _minified(f"themes/{theme}.css")
    return _minified("palette.css") + _minified("site.css") + own + accent_css(accent, theme) + _minified("code.css")


def _minified(name: str) -> str:
    return str(cssmin((STATIC_DIR / name).read_text(encoding="utf-8")))


@lru_cache(maxsize=8)
def css_version(accent: str, theme: str = DEFAULT_THEME) -> str:
    """8 hex characters for the URL of the style sheet."""
    return sha256(full_css(accent, theme).encode()).hexdigest()[:8]


def used_css(css: str, names: AbstractSet[str]) -> str:
    """The rules of a minified sheet that can match in a page with these names, as of `names_in`."""
    return "".join(_used_rule(found, names) for found in RULE.findall(css))


def _used_rule(rule: tuple[str, str, str, str], names: AbstractSet[str]) -> str:
    media, rules, selectors, block = rule
    if media:
        inside = used_css(rules, names)
        return f"{media}{{{inside}}}" if inside else ""
    used = ",".join(selector for selector, needed in _needs(selectors) if needed <= names)
    return used and used + block


@lru_cache(maxsize=2048)  # more than the sheet and the themes have
def _needs(selectors: str) -> list[tuple[str, frozenset[str]]]:
    """Each of the selectors with the names that an element must have, or have around it, to match."""
    return [(one, frozenset(NAME.findall(_bare(one)))) for one in COMMA.split(selectors)]


def _bare(selector: str) -> str:
    bare = NO_NAME.sub("", selector)
    return bare if bare == selector else _bare(bare)


def names_in(html: str) -> set[str]:
    """The elements (`p`) and classes (`.prose`) of a page."""
    classes = {f".{name}" for names in re.findall(r'class="([^"]*)"', html) for name in names.split()}
    return classes | set(re.findall(r"<([a-z][a-z0-9]*)", html))
