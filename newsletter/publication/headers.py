"""What every answer carries, and each file of /static/, which WhiteNoise gives without asking the rest. Pure."""

from wsgiref.headers import Headers

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


def guard(headers: Headers) -> None:
    """Add what keeps a static file from being used as a page."""
    for name, value in GUARDS.items():
        headers[name] = value
