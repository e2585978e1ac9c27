"""Ways out to other people's addresses; never to this machine, nor the network that it is in.

An author pastes what they found, and whoever runs a name server decides where a name leads: every address is looked at
before it is asked, and asked as it was looked at (server-side request forgery, CWE-918).
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from enum import StrEnum
from functools import cache
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Thread, Timer
from urllib.parse import SplitResult, urljoin, urlsplit

from django.utils.encoding import iri_to_uri, punycode

SECONDS, SECONDS_IN_ALL = 5.0, 12.0  # for one step of a request, and for a whole one
HOPS_MAX = 5
PORTS = frozenset({80, 443})  # on any other there may be a printer, a database or a mail server
NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address in its last four bytes: RFC 6052
UNICAST = IPv6Network("2000::/3")  # all that IANA gives out; whatever carries IPv4 within ::/8 is outside
# Ways through IPv4 that nobody serves pages on, and whose ends may be anywhere: 6to4 (RFC 7526) and Teredo (RFC 4380).
RELAYS = (IPv4Network("192.88.99.0/24"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))
# Documentation (RFC 9637) and ORCHIDv2 (RFC 7343) are no places in a network; Python calls the latter global.
NO_PLACES = (IPv6Network("3fff::/20"), IPv6Network("2001:20::/28"))
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


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


class Stop(Exception):
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
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in (*RELAYS, *NO_PLACES))


def is_askable(address: str, port: int) -> bool:
    return port in PORTS and is_public(address)


def parts_of(url: str) -> SplitResult:
    parts = urlsplit(iri_to_uri(url))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Stop(Verdict.DOUBTFUL, "no web address")
    return parts


def port_of(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def looked_up(parts: SplitResult, may_ask: Callable[[str, int], bool]) -> str:
    """Return the address to connect to; one that may not be asked among several stops the question."""
    port = port_of(parts)
    try:
        addresses = _addresses(punycode(parts.hostname or ""), port)
    except socket.gaierror as error:
        verdict = Verdict.NAMELESS if error.errno in NO_SUCH_NAME else Verdict.OFFLINE
        raise Stop(verdict, str(parts.hostname)) from error
    except TimeoutError as error:
        raise Stop(Verdict.DOUBTFUL, str(parts.hostname)) from error
    refused = [address for address in addresses if not may_ask(address, port)]
    if refused:
        raise _why_not(refused[0], port)
    return addresses[0]


def _addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises TimeoutError after SECONDS: getaddrinfo itself takes no limit."""
    answer: Future[list[str]] = Future()
    Thread(target=_resolve, args=(host, port, answer), daemon=True).start()
    return answer.result(SECONDS)


def _resolve(host: str, port: int, answer: "Future[list[str]]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answer.set_exception(error)
    else:
        answer.set_result([str(sockaddr[0]) for *_kind, sockaddr in found])


def _why_not(address: str, port: int) -> Stop:
    return Stop(Verdict.ODD_PORT, str(port)) if is_public(address) else Stop(Verdict.PRIVATE, address)


@contextmanager
def connected(
    parts: SplitResult, address: str, *, step: float | None = None, in_all: float | None = None
) -> Iterator[HTTPConnection]:
    """Connect to the very address that was looked at, under its name; hang up when it takes too long in all.

    step, in_all: seconds for one answer and for all that follows the connection, instead of SECONDS, SECONDS_IN_ALL.
    """
    sock = socket.create_connection((address, port_of(parts)), timeout=SECONDS)
    sock.settimeout(step or SECONDS)
    with closing(sock), hung_up_after(in_all or SECONDS_IN_ALL, [sock]) as hung_up:
        if parts.scheme == "https":
            sock = _tls().wrap_socket(
                sock, server_hostname=punycode(parts.hostname or ""), do_handshake_on_connect=False
            )
            hung_up.append(sock)  # the one below it is no socket any more
            with closing(sock):
                sock.do_handshake()
                yield _connection(parts, sock)
        else:
            yield _connection(parts, sock)


def _connection(parts: SplitResult, sock: socket.socket) -> HTTPConnection:
    connection = HTTPConnection(parts.hostname or "", port_of(parts))
    connection.sock = sock
    return connection


@contextmanager
def hung_up_after(seconds: float, sockets: list[socket.socket]) -> Iterator[list[socket.socket]]:
    """Hang up the last of `sockets`, if there is one, after so many seconds; more may be appended."""

    def hang_up() -> None:
        with suppress(OSError, IndexError):  # the other side was faster, or there is none
            sockets[-1].shutdown(socket.SHUT_RDWR)

    end = Timer(seconds, hang_up)
    end.daemon = True
    end.start()
    try:
        yield sockets
    finally:
        end.cancel()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def post(
    url: str,
    body: bytes,
    headers: dict[str, str],
    *,
    seconds: float,
    most: int,
    may_ask: Callable[[str, int], bool] = is_askable,
) -> tuple[int, bytes]:
    """Send `body`; return the status and the first `most` bytes of the answer. No redirect is followed.

    seconds: for one step, and for all that follows the connection. Once there is a status, the rest may be missing.
    Raises Stop, OSError, HTTPException and ValueError.
    """
    parts = parts_of(url)
    with connected(parts, looked_up(parts, may_ask), step=seconds, in_all=seconds) as connection:
        connection.request("POST", _target(parts), body, {"Host": parts.netloc.rpartition("@")[2]} | headers)
        response = connection.getresponse()
        answer = b""
        with suppress(OSError, HTTPException, ValueError):
            answer = response.read(most)
        return response.status, answer


def _target(parts: SplitResult) -> str:
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


class NotFetched(Exception):
    """Nothing came; the message says why."""


def fetch(url: str, most: int, *, agent: str, may_ask: Callable[[str, int], bool] = is_askable) -> bytes:
    """Return what is at an address, `most` bytes of it; at most HOPS_MAX redirects, each looked at like the first.

    Raises NotFetched.
    """
    here = url
    try:
        for _hop in range(HOPS_MAX + 1):
            parts = parts_of(here)
            status, location, data = _get(parts, looked_up(parts, may_ask), most, agent)
            if status not in REDIRECTS or not location:
                break
            here = urljoin(here, location)
    except Stop as stop:
        raise NotFetched(f"{stop.verdict}: {stop.detail}") from stop
    except (OSError, HTTPException, ValueError) as error:
        raise NotFetched(str(error) or type(error).__name__) from error
    if status != 200:
        raise NotFetched(f"the server says {status}")
    return data


def _get(parts: SplitResult, address: str, most: int, agent: str) -> tuple[int, str, bytes]:
    with connected(parts, address) as connection:
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": agent, "Accept": "image/*,*/*"}
        connection.request("GET", _target(parts), headers=headers)
        response = connection.getresponse()
        return response.status, response.getheader("Location", ""), response.read(most)
