"""The client's IP address behind trusted proxies, and the network that it is counted by."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The client's IP address, "" if there is none; X-Forwarded-For counts only behind TRUSTED_PROXIES.

    Each trusted proxy appends the address that it was called from: the hop that the outermost one wrote is the
    client's. The client may have forged all hops to its left.
    """
    trusted: int = settings.TRUSTED_PROXIES
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    address = hops[-trusted] if trusted and len(hops) >= trusted else request.META.get("REMOTE_ADDR", "")
    try:
        return str(_plain(_without_port(address)))
    except ValueError:  # a Unix socket, or a header that is no address
        return ""


def client_network(address: str, *, ipv6_prefix: int = 64) -> str:
    """The network to count requests by: an IPv4 address, or the /64 of an IPv6 one, which is one household's."""
    try:
        found = _plain(address)
    except ValueError:
        return ""
    return str(IPv6Network((found, ipv6_prefix), strict=False)) if isinstance(found, IPv6Address) else str(found)


def _without_port(hop: str) -> str:
    """Some proxies add a port: 192.0.2.1:5678 or [2001:db8::1]:5678."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _plain(address: str) -> IPv4Address | IPv6Address:
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
