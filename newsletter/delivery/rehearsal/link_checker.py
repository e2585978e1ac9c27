"""Asking other people's addresses whether they are there, by the ways out of newsletter/mail/outward.py."""

import errno
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import SplitResult, urljoin

from newsletter.mail.outward import (
    HOPS_MAX,
    REDIRECTS,
    SECONDS,
    Stop,
    Verdict,
    connected,
    is_askable,
    looked_up,
    parts_of,
)

AT_ONCE = 4
AGENT = "newsletter-rehearsal/1 (looks whether a link works)"
GONE_FOR_SURE = frozenset({404, 410})
NO_NETWORK = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EACCES, errno.EPERM}


@dataclass(frozen=True)
class Found:
    url: str
    verdict: Verdict
    detail: str = ""


def ask_all(
    urls: Iterable[str], *, on_answer: Callable[[int], None], may_ask: Callable[[str, int], bool] = is_askable
) -> list[Found]:
    """Ask each address, AT_ONCE at a time; `on_answer` gets how many have been asked, in the caller's thread."""
    with ThreadPoolExecutor(AT_ONCE, "outward") as threads:
        futures = [threads.submit(ask, url, may_ask=may_ask) for url in urls]
        for number, _done in enumerate(as_completed(futures), 1):
            on_answer(number)
    return _without_names([future.result() for future in futures])


def _without_names(found: list[Found]) -> list[Found]:
    """Where not one host has a name, it is the way out that is missing: resolvers of closed networks say so."""
    if any(one.verdict not in {Verdict.NAMELESS, Verdict.OFFLINE} for one in found):
        return found
    return [Found(one.url, Verdict.OFFLINE, one.detail) for one in found]


def ask(url: str, *, may_ask: Callable[[str, int], bool] = is_askable) -> Found:
    """Follow one address to its end; at most HOPS_MAX redirects, each looked at like the first."""
    try:
        return Found(url, *_follow(url, may_ask))
    except Stop as stop:
        return Found(url, stop.verdict, stop.detail)
    except TimeoutError:
        return Found(url, Verdict.DOUBTFUL, f"no answer within {SECONDS:.0f} seconds")
    except OSError as error:
        return Found(url, Verdict.OFFLINE if error.errno in NO_NETWORK else Verdict.DOUBTFUL, _words(error))
    except (HTTPException, ValueError) as error:
        return Found(url, Verdict.DOUBTFUL, type(error).__name__)


def _words(error: OSError) -> str:
    return str(getattr(error, "verify_message", "") or error.strerror or type(error).__name__)


def _follow(url: str, may_ask: Callable[[str, int], bool]) -> tuple[Verdict, str]:
    here = url
    for _hop in range(HOPS_MAX + 1):
        status, location = _status(here, may_ask)
        if status not in REDIRECTS or not location:
            return _verdict(status), str(status)
        here = urljoin(here, location)
    return Verdict.DOUBTFUL, f"more than {HOPS_MAX} redirects"


def _verdict(status: int) -> Verdict:
    if status in GONE_FOR_SURE:
        return Verdict.GONE
    if status < 400:
        return Verdict.THERE
    return Verdict.DOUBTFUL if 500 <= status < 600 else Verdict.SHY


def _status(url: str, may_ask: Callable[[str, int], bool]) -> tuple[int, str]:
    """Ask by HEAD, and by GET what HEAD was refused: many servers do not know it (RFC 9110 section 9.3.2)."""
    parts = parts_of(url)
    address = looked_up(parts, may_ask)
    status, location = _request("HEAD", parts, address)
    return _request("GET", parts, address) if status >= 400 else (status, location)


def _request(method: str, parts: SplitResult, address: str) -> tuple[int, str]:
    with connected(parts, address) as connection:
        target = parts.path or "/"
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": AGENT, "Accept": "*/*"}
        connection.request(method, f"{target}?{parts.query}" if parts.query else target, headers=headers)
        response = connection.getresponse()  # the body is never read
        return response.status, response.getheader("Location", "")
