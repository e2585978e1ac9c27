"""The secret that a machine carries in its Authorization header. Pure."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.crypto import constant_time_compare

LENGTH_MAX = 1000  # characters of a header that is looked at


def carries_secret(environ: Mapping[str, Any], secrets: Iterable[str]) -> bool:
    """Return whether a request carries one of `secrets`, each "user:password", as basic authentication (RFC 7617)."""
    scheme, _space, given = environ.get("HTTP_AUTHORIZATION", "")[:LENGTH_MAX].partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        carried = b64decode(given.strip(), validate=True)
    except ValueError:
        return False
    return any(constant_time_compare(carried, one.encode()) for one in secrets)
