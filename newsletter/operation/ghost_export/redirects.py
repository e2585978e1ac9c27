"""What leads from addresses of ours, and of the site before, to those in Ghost: its `redirects.json`. Pure.

Ghost takes the first that fits; `from` is a regular expression on the path as browsers send it, without the query.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from newsletter.operation.ghost_export.addresses import PICTURES, Addresses

type Rule = dict[str, str | bool]
_SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|]")


@dataclass(frozen=True)
class Redirects:
    """rules: as the file has them; left_out: old addresses that Ghost cannot lead on, because they are a query."""

    rules: list[Rule]
    left_out: list[str]


def redirects(addresses: Addresses, old: Iterable[tuple[str, str]]) -> Redirects:
    """Return the rules. old: addresses of the site before, as `Redirect.path` has them, and where they lead here."""
    rows = sorted(old, key=lambda row: (row[0].endswith("*"), -len(row[0]), row[0]))
    left_out = [path for path, _end in rows if "?" in path]
    known = [(path, end) for path, end in rows if "?" not in path]
    return Redirects(
        [*_ours(addresses), *(_rule(_pattern(path), _end(addresses, end)) for path, end in known)], left_out
    )


def _ours(addresses: Addresses) -> Iterable[Rule]:
    for number, slug in addresses.posts.items():
        yield _rule(rf"^/p/{number}(-[^/]*)?/?$", f"/{slug}/")
    for number in sorted(addresses.issues):
        yield _rule(rf"^/issues/{number}/?$", addresses.path(f"/issues/{number}/"))
    yield _rule(r"^/tags/([^/]+)/feed\.xml$", "/tag/$1/rss/")
    yield _rule(r"^/tags/([^/]+)/?$", "/tag/$1/")
    yield _rule(r"^/media/([0-9a-f]{16}/.+)$", f"/{PICTURES}/$1")
    yield _rule(r"^/(issues/)?feed\.(xml|json)$", "/rss/")
    yield _rule(r"^/(issues|posts)/?$", "/")


def _end(addresses: Addresses, end: str) -> str:
    """Return where an old address leads there: within the site, or another one."""
    return addresses.link(end).removeprefix("__GHOST_URL__")


def _pattern(path: str) -> str:
    """Return the expression of an old address; a star at its end stands for whatever follows."""
    stem, is_open = path.removesuffix("*"), path.endswith("*")
    escaped = _SPECIAL.sub(r"\\\g<0>", quote(stem, safe="/:@!$&'()*+,;=~"))
    return f"^{escaped}" if is_open else f"^{escaped.rstrip('/')}/?$"


def _rule(pattern: str, end: str) -> Rule:
    return {"from": pattern, "to": end, "permanent": True}
