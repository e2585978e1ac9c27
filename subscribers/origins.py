"""Origin of a sign-up: page, `utm_*` parameters, referring site. Bounded in length, without personal data.

A line such as `/p/128/ utm_source=talk from t.co`, which forms carry and the consent record stores.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

from newsletter.mail.logs import mask_tokens

URL_MAX = 2000  # characters of a URL that are read
LINE_MAX = 170  # characters; Consent.source has 200, with the form's place
VALUE_MAX = 40  # characters of one utm_*
PAGE_MAX = 100  # characters of a counted page
UTM_PARAMETERS = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
HOST_MARK = "from"
INVITED_MARK = "invited"  # by a reader's link; whose is not kept
OTHER_SOURCE = ("other", "")
SOURCE_PREFIXES = {"import": ("import", ""), "by hand": ("hand", ""), "api:": ("api", "")}

_PAGE = re.compile(r"/(?:[\w-]{1,60}/){0,3}")
_HOST = re.compile(r"(?=[^ ]{1,60}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_NOT_KEPT = re.compile(r"[^\w.+-]+")  # excludes @ and /


def origin_of_request(referer: str, query: Mapping[str, str], own_hosts: Iterable[str]) -> str:
    try:
        before = urlsplit(referer[:URL_MAX])
        host = before.hostname or ""
    except ValueError:  # such as half an IPv6 address
        return _line("", query, "")
    if host not in own_hosts:
        return _line("", query, host)
    try:
        carried = {name: values[-1] for name, values in parse_qs(before.query, max_num_fields=50).items()}
    except ValueError:
        carried = {}
    return _line(before.path, carried | dict(query), "")


def merge_origins(*lines: str) -> str:
    page, host = "", ""
    utm: dict[str, str] = {}
    for line in lines:
        words = line[:URL_MAX].split()
        page = page or next((word for word in words if word.startswith("/")), "")
        host = host or next((word for before, word in pairwise(words) if before == HOST_MARK), "")
        utm = dict(word.split("=", 1) for word in words if "=" in word) | utm
    return _line(page, utm, host)


def classify_origin(line: str) -> tuple[str, str]:
    """(kind, name) of the source to count, from Consent.source.

    By precedence: campaign, invitation, other site, page of the form.
    """
    if line.startswith("web:"):
        return _source_of_form(line)
    return next((source for begins, source in SOURCE_PREFIXES.items() if line.startswith(begins)), OTHER_SOURCE)


def _source_of_form(line: str) -> tuple[str, str]:
    words = line.split()[1:]
    utm = dict(word.split("=", 1) for word in words if "=" in word)
    if campaign := " / ".join(filter(None, [utm.get("utm_source"), utm.get("utm_campaign")])):
        return "campaign", campaign
    if INVITED_MARK in words:
        return "invitation", ""
    if host := next((word for before, word in pairwise(words) if before == HOST_MARK), ""):
        return "site", host
    page = next((word for word in words if word.startswith("/")), "")
    return ("page", page[:PAGE_MAX]) if page else ("form", "")


def _line(page: str, query: Mapping[str, str], host: str) -> str:
    is_shown = _PAGE.fullmatch(page) and page != "/subscribe/" and mask_tokens(page) == page
    utm = {name: _NOT_KEPT.sub("-", query.get(name, "")[:VALUE_MAX]).strip("-") for name in UTM_PARAMETERS}
    parts = [page if is_shown else "", *(f"{name}={value}" for name, value in utm.items() if value)]
    parts.append(f"{HOST_MARK} {host.lower()}" if _HOST.fullmatch(host.lower()) else "")
    return _join_up_to_max(part for part in parts if part)


def _join_up_to_max(parts: Iterable[str]) -> str:
    line = ""
    for part in parts:
        if len(longer := f"{line} {part}".strip()) > LINE_MAX:
            break
        line = longer
    return line
