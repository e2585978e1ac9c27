"""What every answer carries, and how each file of /static/ is kept: WhiteNoise gives them without asking the rest."""

import re
from functools import lru_cache
from wsgiref.headers import Headers

from django.core.files import File
from django.core.files.base import ContentFile
from rcssmin import cssmin
from whitenoise.storage import CompressedManifestStaticFilesStorage

# A style sheet, a script or an icon is no page: opened by itself it loads nothing, and nobody may frame it.
GUARDS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}

# What no page here asks of a browser, and so no script that got into one, and no film's player, may have. Names that
# Chromium does not know are left out: it complains of each on every page. Source: W3C Permissions Policy.
NOBODY_MAY = (
    *("accelerometer", "browsing-topics", "camera", "clipboard-read", "display-capture", "geolocation", "gyroscope"),
    *("hid", "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "payment", "screen-wake-lock"),
    *("serial", "usb", "window-management", "xr-spatial-tracking"),
)
PERMISSIONS = ", ".join(f"{name}=()" for name in NOBODY_MAY)

WEIGHT = re.compile(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*")


@lru_cache(maxsize=32)  # browsers send few different ones
def takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding asks for gzip, and likes it no less than none. RFC 9110, section 12.5.3."""
    codings = [one.partition(";") for one in accepted.lower().split(",")]
    weights = {name.strip(): _weight(said) for name, _, said in codings}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0)))
    return gzip > 0 and gzip >= weights.get("identity", 0)


def _weight(said: str) -> float:
    """Return what stands behind a coding, 1 without a word; what cannot be read is no wish."""
    if not said.strip():
        return 1
    found = WEIGHT.fullmatch(said)
    return float(found[1]) if found else 0


def guard(headers: Headers) -> None:
    """Add what keeps a static file from being used as a page."""
    for name, value in GUARDS.items():
        headers[name] = value


class MinifyingStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """WhiteNoise's own; a sheet is kept without what only its authors need. Modules import others by their hashes."""

    support_js_module_import_aggregation = True

    def _save(self, name: str, content: File) -> str:  # type: ignore[type-arg]
        if name.endswith(".css"):
            content = ContentFile(cssmin(b"".join(content.chunks())))  # from its beginning: it may have been read
        saved: str = super()._save(name, content)
        return saved
