"""Asking other people's addresses whether they are there; never this machine, nor the network that it is in.

An author pastes what they found, and whoever runs a name server decides where a name leads: every address is looked at
before it is asked, and asked as it was looked at (server-side request forgery, CWE-918).
"""

import errno
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Timer
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from django.utils.encoding import iri_to_uri, punycode

SECONDS, SECONDS_IN_ALL = 5.0, 12.0  # for one step of a request, and for a whole one
AT_ONCE = 4
HOPS_MAX = 5
AGENT = "newsletter-rehearsal/1 (looks whether a link works)"
PORTS = frozenset({80, 443})  # on any other there may be a printer, a database or a mail server
NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address in its last four bytes: RFC 6052
UNICAST = IPv6Network("2000::/3")  # all that IANA gives out; whatever carries IPv4 within ::/8 is outside
# Ways through IPv4 that nobody serves pages on, and whose ends may be anywhere: 6to4 (RFC 7526) and Teredo (RFC 4380).
RELAYS = (IPv4Network("192.88.99.0/24"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))
REDIRECTS = frozenset({301, 302, 303, 307, 308})
GONE_FOR_SURE = frozenset({404, 410})
NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
NO_NETWORK = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EACCES, errno.EPERM}


class Verdict(StrEnum):
    """What is known of an address after it was asked."""

    THERE = "there"
    GONE = "gone"  # it says so
    NAMELESS = "nameless"  # there is no such host
    SHY = "shy"  # it refuses programs, as many sites do; a person may well get in
    DOUBTFUL = "doubtful"  # it is in trouble, or does not answer in time
    ODD_PORT = "odd port"  # not asked: pages are at others
    PRIVATE = "private"  # not asked: it leads into this machine's own network
    OFFLINE = "offline"  # not asked: there is no way out


@dataclass(frozen=True)
class Found:
    url: str
    verdict: Verdict
    detail: str = ""


class _Stop(Exception):
    """The question has its answer before any server was asked."""

    def __init__(self, verdict: Verdict, detail: str = "") -> None:
        super().__init__(verdict, detail)
        self.verdict, self.detail = verdict, detail


def is_public(address: str) -> bool:
    """Return whether an IP address is anybody's to ask: neither ours, nor our network's, nor a group's."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip in NAT64:
            ip = IPv4Address(int(ip) & 0xFFFFFFFF)
        elif ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif ip not in UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in RELAYS)


def is_askable(address: str, port: int) -> bool:
    """Return whether a page may be asked for there."""
    return port in PORTS and is_public(address)


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
    except _Stop as stop:
        return Found(url, stop.verdict, stop.detail)
    except TimeoutError:
        return Found(url, Verdict.DOUBTFUL, f"no answer within {SECONDS:.0f} seconds")
    except OSError as error:
        return Found(url, Verdict.OFFLINE if error.errno in NO_NETWORK else Verdict.DOUBTFUL, _words(error))
    except (HTTPException, ValueError) as error:
        return Found(url, Verdict.DOUBTFUL, type(error).__name__)


def post(url: str, fields: dict[str, str], *, may_ask: Callable[[str, int], bool] = is_askable) -> str:
    """Send a form; return "" if it was taken (2xx), else why not. No redirect is followed."""
    try:
        parts = _parts(url)
        status = _request("POST", parts, _looked_up(parts, may_ask), fields)[0]
    except _Stop as stop:
        return f"{stop.verdict}: {stop.detail}"
    except (OSError, HTTPException, ValueError) as error:
        return _words(error) if isinstance(error, OSError) else type(error).__name__
    return "" if 200 <= status < 300 else str(status)


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
    parts = _parts(url)
    address = _looked_up(parts, may_ask)
    status, location = _request("HEAD", parts, address)
    return _request("GET", parts, address) if status >= 400 else (status, location)


def _parts(url: str) -> SplitResult:
    parts = urlsplit(iri_to_uri(url))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _Stop(Verdict.DOUBTFUL, "no web address")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _looked_up(parts: SplitResult, may_ask: Callable[[str, int], bool]) -> str:
    """Return the address to connect to; one that may not be asked among several stops the question."""
    port = _port(parts)
    try:
        found = socket.getaddrinfo(punycode(parts.hostname or ""), port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        verdict = Verdict.NAMELESS if error.errno in NO_SUCH_NAME else Verdict.OFFLINE
        raise _Stop(verdict, str(parts.hostname)) from error
    addresses = [str(sockaddr[0]) for *_kind, sockaddr in found]
    refused = [address for address in addresses if not may_ask(address, port)]
    if refused:
        raise _why_not(refused[0], port)
    return addresses[0]


def _why_not(address: str, port: int) -> _Stop:
    return _Stop(Verdict.ODD_PORT, str(port)) if is_public(address) else _Stop(Verdict.PRIVATE, address)


def _request(method: str, parts: SplitResult, address: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
    body = urlencode(fields) if fields else None
    with _connected(parts, address) as connection:
        target = parts.path or "/"
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": AGENT, "Accept": "*/*"}
        headers |= {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, f"{target}?{parts.query}" if parts.query else target, body, headers)
        response = connection.getresponse()  # the body is never read
        return response.status, response.getheader("Location", "")


@contextmanager
def _connected(parts: SplitResult, address: str) -> Iterator[HTTPConnection]:
    """Connect to the very address that was looked at, under its name; hang up when it takes too long in all."""
    sock = socket.create_connection((address, _port(parts)), timeout=SECONDS)
    with closing(sock):
        if parts.scheme == "https":
            sock = _tls().wrap_socket(sock, server_hostname=punycode(parts.hostname or ""))
        with closing(sock), closing(HTTPConnection(parts.hostname or "", _port(parts))) as connection:
            connection.sock = sock
            end = Timer(SECONDS_IN_ALL, sock.shutdown, [socket.SHUT_RDWR])
            end.daemon = True
            end.start()
            try:
                yield connection
            finally:
                end.cancel()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
