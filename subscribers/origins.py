"""Where a sign-up came from: the page, the link's `utm_*`, the site before. Bounded, without anything personal. Pure.

As a line of words, such as `/p/128/ utm_source=talk from t.co`: so it travels in a form, and so it is kept.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

from newsletter.mail.logs import masked

URL_MAX = 2000  # characters of an address that are looked at
LINE_MAX = 170  # characters; the consent's source has 200, with the place of the form
VALUE_MAX = 40  # characters of one utm_*
PAGE_MAX = 100  # of a page that is counted
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
FROM = "from"
INVITED = "invited"  # by the link in a reader's letter; by whose is not kept
REST = ("other", "")
WITHOUT_FORM = {"import": ("import", ""), "by hand": ("hand", ""), "api:": ("api", "")}

_PAGE = re.compile(r"/(?:[\w-]{1,60}/){0,3}")
_HOST = re.compile(r"(?=[^ ]{1,60}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_NOT_KEPT = re.compile(r"[^\w.+-]+")  # no sign of an address of mail, none of a page


def of_link(referer: str, query: Mapping[str, str], own_hosts: Iterable[str]) -> str:
    """Return the line of a request. referer: its header; query: of its own address; own_hosts: this site's names."""
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


def joined(*lines: str) -> str:
    """Return what several lines say, each only as far as it is well formed; of two pages, or hosts, the first."""
    page, host = "", ""
    utm: dict[str, str] = {}
    for line in lines:
        words = line[:URL_MAX].split()
        page = page or next((word for word in words if word.startswith("/")), "")
        host = host or next((word for before, word in pairwise(words) if before == FROM), "")
        utm = dict(word.split("=", 1) for word in words if "=" in word) | utm
    return _line(page, utm, host)


def source_of(line: str) -> tuple[str, str]:
    """Return the one source that counts of what a record says of a sign-up: its kind and its name, both bounded.

    A campaign says most, then an invitation, another site, and the page on which the form stood.
    """
    if line.startswith("web:"):
        return _source_of_form(line)
    return next((source for begins, source in WITHOUT_FORM.items() if line.startswith(begins)), REST)


def _source_of_form(line: str) -> tuple[str, str]:
    words = line.split()[1:]
    utm = dict(word.split("=", 1) for word in words if "=" in word)
    if campaign := " / ".join(filter(None, [utm.get("utm_source"), utm.get("utm_campaign")])):
        return "campaign", campaign
    if INVITED in words:
        return "invitation", ""
    if host := next((word for before, word in pairwise(words) if before == FROM), ""):
        return "site", host
    page = next((word for word in words if word.startswith("/")), "")
    return ("page", page[:PAGE_MAX]) if page else ("form", "")


def _line(page: str, query: Mapping[str, str], host: str) -> str:
    is_shown = _PAGE.fullmatch(page) and page != "/subscribe/" and masked(page) == page
    utm = {name: _NOT_KEPT.sub("-", query.get(name, "")[:VALUE_MAX]).strip("-") for name in UTM}
    parts = [page if is_shown else "", *(f"{name}={value}" for name, value in utm.items() if value)]
    parts.append(f"{FROM} {host.lower()}" if _HOST.fullmatch(host.lower()) else "")
    return _fitting(part for part in parts if part)


def _fitting(parts: Iterable[str]) -> str:
    """Return as many of the parts, from the first on, as a line holds."""
    line = ""
    for part in parts:
        if len(longer := f"{line} {part}".strip()) > LINE_MAX:
            break
        line = longer
    return line
