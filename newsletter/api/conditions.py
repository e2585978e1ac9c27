"""ETag, If-None-Match and If-Match: nobody overwrites what they have not seen, nobody loads what they have.

Source: RFC 9110 section 13.
"""

import json
from hashlib import sha256
from typing import Any

from django.http import HttpRequest
from django.utils.http import parse_etags

from newsletter.api.problems import Problem


def etag_of(body: Any) -> str:
    """Return the strong ETag of something as it is now. body: all of it, whatever fields are asked for."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, default=str)
    return f'"{sha256(text.encode()).hexdigest()[:24]}"'


def is_known(request: HttpRequest, etag: str) -> bool:
    """Return whether who asks has this state already (If-None-Match compares weakly: section 13.1.2)."""
    given = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in given or etag in {one.removeprefix("W/") for one in given}


def demand(request: HttpRequest, etag: str) -> None:
    """Raise a Problem unless who changes something names the state that it has now, or “*” for whatever it is."""
    given = parse_etags(request.headers.get("If-Match", ""))
    if not ({"*", etag} & set(given)):
        raise Problem("changed", headers={"ETag": etag})


def demand_header(request: HttpRequest) -> None:
    """Raise a Problem if there is no If-Match at all."""
    if not request.headers.get("If-Match", "").strip():
        raise Problem("etag-missing")
