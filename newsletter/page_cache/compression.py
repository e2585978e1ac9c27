"""Whether a client accepts gzip."""

import re
from functools import lru_cache

WEIGHT = re.compile(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*")


@lru_cache(maxsize=32)  # browsers send few different ones
def accepts_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding allows gzip and does not prefer identity. RFC 9110, section 12.5.3."""
    codings = [one.partition(";") for one in accepted.lower().split(",")]
    weights = {name.strip(): _weight(parameter) for name, _, parameter in codings}
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0)))
    return gzip > 0 and gzip >= weights.get("identity", 0)


def _weight(parameter: str) -> float:
    """The q value, by default 1; 0 if it cannot be parsed."""
    if not parameter.strip():
        return 1
    found = WEIGHT.fullmatch(parameter)
    return float(found[1]) if found else 0
