"""What is sent with every file of /static/, which WhiteNoise answers before Django's own middleware is asked. Pure."""

from wsgiref.headers import Headers

# A style sheet, a script or an icon is no page: opened by itself it loads nothing, and nobody may frame it.
GUARDS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}


def guard(headers: Headers, path: str, url: str) -> None:
    """Add what keeps a static file from being used as a page (WHITENOISE_ADD_HEADERS_FUNCTION)."""
    for name, value in GUARDS.items():
        headers[name] = value
