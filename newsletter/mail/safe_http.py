"""HTTP requests to URLs of others, protected against server-side request forgery (CWE-918).

Authors paste any URL, and its owner's DNS decides where a name leads. So the resolved IP address is checked, and the
connection is made to exactly that address.
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

STEP_SECONDS, TOTAL_SECONDS = 5.0, 12.0  # timeouts of one step and of a whole request
HOPS_MAX = 5
PORTS = frozenset({80, 443})  # others may be a printer, a database or a mail server
NAT64_NETWORK = IPv6Network("64:ff9b::/96")  # an IPv4 address in its last four bytes: RFC 6052
UNICAST_NETWORK = IPv6Network("2000::/3")  # all that IANA allocates; ::/8, which embeds IPv4, is outside
# Tunnels through IPv4 whose end may be anywhere: 6to4 (RFC 7526) and Teredo (RFC 4380). Documentation (RFC 9637) and
# ORCHIDv2 (RFC 7343), which Python counts as global.
NOT_PUBLIC_NETWORKS = (
    *(IPv4Network("192.88.99.0/24"), IPv6Network("2002::/16"), IPv6Network("2001::/32")),
    *(IPv6Network("3fff::/20"), IPv6Network("2001:20::/28")),
)
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NO_SUCH_NAME_ERRORS = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class LinkStatus(StrEnum):
    THERE = "there"
    GONE = "gone"  # 404 or 410
    NAMELESS = "nameless"  # no such host
    REFUSES_BOTS = "shy"  # may work in a browser
    DOUBTFUL = "doubtful"  # a server error, or a timeout
    ODD_PORT = "odd port"  # not requested
    PRIVATE = "private"  # not requested: a private network
    OFFLINE = "offline"  # not requested: no network


class RequestBlocked(Exception):
    """No request was made; link_status and detail say why."""

    def __init__(self, link_status: LinkStatus, detail: str = "") -> None:
        super().__init__(link_status, detail)
        self.link_status, self.detail = link_status, detail


def is_public(address: str) -> bool:
    """Whether an IP address is global unicast: not loopback, private, multicast or a tunnel."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip in NAT64_NETWORK:
            ip = IPv4Address(int(ip) & 0xFFFFFFFF)
        elif ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif ip not in UNICAST_NETWORK:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in NOT_PUBLIC_NETWORKS)


def may_connect(address: str, port: int) -> bool:
    return port in PORTS and is_public(address)


def parse_url(url: str) -> SplitResult:
    parts = urlsplit(iri_to_uri(url))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RequestBlocked(LinkStatus.DOUBTFUL, "no web address")
    return parts


def port_of(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def resolve_allowed(parts: SplitResult, is_allowed: Callable[[str, int], bool]) -> str:
    """The IP address to connect to. Raise RequestBlocked if any address of the host is not allowed."""
    port = port_of(parts)
    try:
        addresses = _addresses(punycode(parts.hostname or ""), port)
    except socket.gaierror as error:
        status = LinkStatus.NAMELESS if error.errno in NO_SUCH_NAME_ERRORS else LinkStatus.OFFLINE
        raise RequestBlocked(status, str(parts.hostname)) from error
    except TimeoutError as error:
        raise RequestBlocked(LinkStatus.DOUBTFUL, str(parts.hostname)) from error
    for address in addresses:
        if not is_allowed(address, port):
            if is_public(address):
                raise RequestBlocked(LinkStatus.ODD_PORT, str(port))
            raise RequestBlocked(LinkStatus.PRIVATE, address)
    return addresses[0]


def _addresses(host: str, port: int) -> list[str]:
    """Raises TimeoutError after STEP_SECONDS: getaddrinfo has no timeout."""
    resolved: Future[list[str]] = Future()
    Thread(target=_resolve, args=(host, port, resolved), daemon=True).start()
    return resolved.result(STEP_SECONDS)


def _resolve(host: str, port: int, resolved: "Future[list[str]]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        resolved.set_exception(error)
    else:
        resolved.set_result([str(sockaddr[0]) for *_kind, sockaddr in found])


@contextmanager
def connection_to(
    parts: SplitResult, address: str, *, step: float | None = None, in_all: float | None = None
) -> Iterator[HTTPConnection]:
    """Connect to the checked address; TLS and Host use the name. Closed after the total timeout.

    step, in_all: seconds of one step and in total, instead of STEP_SECONDS and TOTAL_SECONDS.
    """
    sock = socket.create_connection((address, port_of(parts)), timeout=STEP_SECONDS)
    sock.settimeout(step or STEP_SECONDS)
    with closing(sock), hang_up_after(in_all or TOTAL_SECONDS, [sock]) as hung_up:
        if parts.scheme == "https":
            name = punycode(parts.hostname or "")
            sock = _tls().wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
            hung_up.append(sock)  # the plain socket is detached now
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
def hang_up_after(seconds: float, sockets: list[socket.socket]) -> Iterator[list[socket.socket]]:
    """Shut down the last of `sockets` after `seconds`; more may be appended meanwhile."""

    def hang_up() -> None:
        with suppress(OSError, IndexError):  # closed already, or no socket
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
    max_bytes: int,
    is_allowed: Callable[[str, int], bool] = may_connect,
) -> tuple[int, bytes]:
    """POST `body`; return the status and the first `max_bytes` of the response. Redirects are not followed.

    seconds: timeout of one step and in total. After the status, the body may be truncated.
    Raises RequestBlocked, OSError, HTTPException and ValueError.
    """
    parts = parse_url(url)
    with connection_to(parts, resolve_allowed(parts, is_allowed), step=seconds, in_all=seconds) as connection:
        connection.request("POST", _target(parts), body, {"Host": parts.netloc.rpartition("@")[2]} | headers)
        response = connection.getresponse()
        data = b""
        with suppress(OSError, HTTPException, ValueError):
            data = response.read(max_bytes)
        return response.status, data


def _target(parts: SplitResult) -> str:
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


class FetchError(Exception):
    """The message says why."""


def fetch(url: str, max_bytes: int, *, agent: str, is_allowed: Callable[[str, int], bool] = may_connect) -> bytes:
    """GET the first `max_bytes`; follows up to HOPS_MAX redirects, each checked like the first. Raises FetchError."""
    here = url
    try:
        for _hop in range(HOPS_MAX + 1):
            parts = parse_url(here)
            address = resolve_allowed(parts, is_allowed)
            status, location, data = request("GET", parts, address, agent=agent, max_bytes=max_bytes)
            if status not in REDIRECTS or not location:
                break
            here = urljoin(here, location)
    except RequestBlocked as blocked:
        raise FetchError(f"{blocked.link_status}: {blocked.detail}") from blocked
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(str(error) or type(error).__name__) from error
    if status != 200:
        raise FetchError(f"the server says {status}")
    return data


def request(method: str, parts: SplitResult, address: str, *, agent: str, max_bytes: int = 0) -> tuple[int, str, bytes]:
    """Status, Location, and the first `max_bytes`. address: as by `resolve_allowed`."""
    with connection_to(parts, address) as connection:
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": agent, "Accept": "image/*,*/*"}
        connection.request(method, _target(parts), headers=headers)
        response = connection.getresponse()
        return response.status, response.getheader("Location", ""), response.read(max_bytes)
