"""The HTML part of a mail: styles where mail clients read them. Pure."""

import re
from functools import cache

from css_inline import CSSInliner

CONTRAST_MIN = 4.5  # WCAG 2.2, 1.4.3, for text
AT_RULES = re.compile(r"<head>(<style>.*?</style>)(.*?)</head>", re.DOTALL)
BETWEEN_BLOCKS = re.compile(r">\s*\n\s*<(?=/?(?:html|head|body|meta|title|table|tbody|tr|td|div|style)\b)")


def inline_css(html: str) -> str:
    """Return a whole HTML document with its <style> rules written into style attributes.

    Media queries stay behind in a <style>, for clients that know dark mode. Nothing is loaded from
    anywhere. Indentation between blocks is left out: Gmail clips a mail at 102 KB.
    """
    inlined = _inliner().inline(html)
    # css_inline puts them first, but the character set must stand in a document's first 1,024 bytes.
    inlined = AT_RULES.sub(r"<head>\2\1</head>", inlined, count=1)
    return BETWEEN_BLOCKS.sub(">\n<", inlined)


@cache
def _inliner() -> CSSInliner:
    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def readable(colour: str, *, on: str) -> str:
    """Return `colour`, made lighter or darker until text in it can be read on the background `on`.

    Both are #rrggbb. Mail clients know no CSS functions, so that this is done beforehand.
    """
    target = 255 if _luminance(on) < 0.18 else 0
    for step in range(21):
        mixed = [round(channel + (target - channel) * step / 20) for channel in _channels(colour)]
        candidate = "#{:02x}{:02x}{:02x}".format(*mixed)
        if _contrast(candidate, on) >= CONTRAST_MIN:
            return candidate
    return candidate


def _channels(colour: str) -> list[int]:
    return list(bytes.fromhex(colour.removeprefix("#")))


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _channels(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
