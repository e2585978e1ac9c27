"""The proxies that docs/deploy.md shows, in front of the web server."""

import json
import socket
from contextlib import ExitStack

import pytest

from newsletter.limits import body_size
from tests.support import proxies
from tests.support.echo_server import echo_server
from tests.support.processes import free_port
from tests.support.product import Product
from tests.support.sockets import connect, exchange, open_connections, request_head

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
FORM = "Content-Type: application/x-www-form-urlencoded"
SILENT = 200
STRANGER = "127.0.0.2"  # a client that is not the proxy's own address


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """Return the port of a server that shows what arrives (tests/support/echo_app.py)."""
    with echo_server(tmp_path_factory.mktemp("echo")) as (port, _process):
        yield port


@pytest.fixture(scope="module")
def site(tmp_path_factory, migrated_sqlite, collected_static):
    made = Product(tmp_path_factory.mktemp("site"))
    made.begin_with(migrated_sqlite)
    made.env |= {"TRUSTED_PROXIES": "1", "STATIC_ROOT": str(collected_static)}
    made.serve_web()
    yield made
    made.kill()


@pytest.fixture(params=proxies.KINDS)
def proxy(request):
    """Put the proxy of this name in front of a web server; return the port on which it listens."""
    with ExitStack() as stack:

        def before(upstream_port: int) -> int:
            port = free_port()
            stack.enter_context(proxies.start(request.param, port, upstream_port))
            return port

        yield before


def arrived(port: int, *fields: str) -> dict[str, str]:
    """Return what the web server sees of a request that a stranger sends to the proxy."""
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(STRANGER, 0)) as line:
        line.sendall(request_head("GET", "/", *fields))
        answer = b"".join(iter(lambda: line.recv(65_536), b""))
    text = answer.decode("latin-1")
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


def test_the_last_hop_is_the_client_whatever_it_says_of_itself(echo, proxy):
    port = proxy(echo)
    for lie in ("X-Forwarded-For: 127.0.0.1", "X_Forwarded_For: 127.0.0.1", "X-Forwarded_For: 127.0.0.1"):
        seen = arrived(port, lie, lie)

        assert seen["HTTP_X_FORWARDED_FOR"].split(",")[-1].strip() == STRANGER, lie
        assert seen["HTTP_HOST"] == "localhost"
        assert seen["REMOTE_ADDR"] == "127.0.0.1"


def test_a_large_body_is_refused(site, proxy):
    port = proxy(site.port)
    for path, size in (("/subscribe/", body_size.PUBLIC_BYTES + 1), ("/subscribe/", 100_000), ("/admin/", 100_000)):
        with connect(port, request_head("POST", path, FORM, f"Content-Length: {size}") + b"a" * size) as line:
            assert line.recv(12) == b"HTTP/1.1 413", (path, size)


def test_slow_clients_of_a_proxy_keep_nobody_waiting(site, proxy):
    port = proxy(site.port)
    half_body = request_head("POST", "/subscribe/", FORM, "Content-Length: 1000") + b"email=a"
    with open_connections(SILENT, port, half_body), open_connections(SILENT, port, b"GET / HTTP/1.1\r\nHo"):
        answers = [exchange(port, request_head("GET", path))[0] for path in ("/healthz", "/") for _ in range(3)]

    assert answers == [200] * 6


def test_the_configurations_are_those_of_the_document():
    for kind in proxies.KINDS:
        assert "127.0.0.1:4444" in proxies.configuration(kind, 80, 4444)
