"""A link is followed as far as it leads, and never into the network that this machine is in."""

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from newsletter.delivery import rehearsal as link_checker
from newsletter.delivery.rehearsal import LinkStatus, check_link, check_links
from newsletter.mail import safe_http
from newsletter.mail.safe_http import RequestBlocked, is_public
from tests.support.processes import free_port


def anybody(_address: str, _port: int) -> bool:
    return True


class Site(BaseHTTPRequestHandler):
    """Answers by the path: /404 with 404, /to/PLACE by a redirect, /get-only to GET alone."""

    def do_HEAD(self):
        self.server.asked.append((self.command, self.path, self.headers["Host"]))
        code, _slash, rest = self.path[1:].partition("?")[0].partition("/")
        if code == "to":
            self.send_response(302)
            self.send_header("Location", rest if "://" in rest else f"/{rest}")
        elif code == "get-only":
            self.send_response(200 if self.command == "GET" else 405)
        else:
            self.send_response(int(code or 200))
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()

    def log_message(self, *_words):
        pass


@contextmanager
def serving(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site():
    with serving(Site) as server:
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server


@pytest.mark.parametrize(
    ("path", "verdict", "detail"),
    [
        ("/", LinkStatus.THERE, "200"),
        ("/204", LinkStatus.THERE, "204"),
        ("/404", LinkStatus.GONE, "404"),
        ("/410", LinkStatus.GONE, "410"),
        ("/403", LinkStatus.REFUSES_BOTS, "403"),
        ("/999", LinkStatus.REFUSES_BOTS, "999"),
        ("/503", LinkStatus.DOUBTFUL, "503"),
        ("/to/200", LinkStatus.THERE, "200"),
        ("/to/to/404", LinkStatus.GONE, "404"),
        ("/get-only", LinkStatus.THERE, "200"),
        ("/200?q=管理", LinkStatus.THERE, "200"),
    ],
)
def test_a_link_is_judged_by_where_it_ends(site, path, verdict, detail):
    found = check_link(site.url + path, is_allowed=anybody)

    assert (found.status, found.detail) == (verdict, detail)


def test_head_comes_first_and_get_only_when_it_is_refused(site):
    check_link(f"{site.url}/200", is_allowed=anybody)
    check_link(f"{site.url}/404", is_allowed=anybody)

    assert [(method, path) for method, path, _host in site.asked] == [
        ("HEAD", "/200"),
        ("HEAD", "/404"),
        ("GET", "/404"),
    ]
    assert {host for *_what, host in site.asked} == {f"127.0.0.1:{site.server_port}"}


def test_a_circle_of_redirects_has_an_end(site):
    found = check_link(f"{site.url}/{'to/' * 8}200", is_allowed=anybody)

    assert (found.status, found.detail) == (LinkStatus.DOUBTFUL, "more than 5 redirects")
    assert len(site.asked) == link_checker.HOPS_MAX + 1


def test_addresses_that_are_not_anybodys_are_not_public():
    own = [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1"),
        *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "192.0.2.1", "2001:db8::1"),
        *("::127.0.0.1", "::10.0.0.1", "::1.1.1.1", "fec0::1", "feff::1", "192.88.99.1", "::ffff:0:127.0.0.1"),
        *("64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1.1.1.1", "2002:7f00:1::1", "2002:a00:1::"),
        *("2002:101:101::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001::1", "4000::1", "100::1", "5f00::1"),
    ]

    assert [address for address in own if is_public(address)] == []


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "140.112.8.116", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"]
)
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize("port", [22, 25, 5432, 6379, 8080, 65535])
def test_no_port_is_asked_but_the_webs_own(port):
    found = check_link(f"http://1.1.1.1:{port}/")

    assert (found.status, found.detail) == (LinkStatus.ODD_PORT, str(port))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001"])
def test_this_machine_is_never_asked_however_it_is_written(site, host):
    found = check_link(f"http://{host}:{site.server_port}/200")

    assert found.status in {LinkStatus.PRIVATE, LinkStatus.NAMELESS, LinkStatus.OFFLINE}
    assert site.asked == []


def test_a_redirect_into_this_network_is_not_followed(site):
    asked = []

    def only_the_first(address, _port):
        asked.append(address)
        return len(asked) == 1

    found = check_link(f"{site.url}/to/http://127.0.0.1:{site.server_port}/secret", is_allowed=only_the_first)

    assert (found.status, found.detail) == (LinkStatus.PRIVATE, "127.0.0.1")
    assert [path for _method, path, _host in site.asked] == [f"/to/http://127.0.0.1:{site.server_port}/secret"]


def test_a_redirect_to_a_file_is_not_followed(site):
    assert check_link(f"{site.url}/to/file:///etc/passwd", is_allowed=anybody).status == LinkStatus.DOUBTFUL


@pytest.mark.parametrize(
    "url", ["http://[", "http:///x", "http://a:99999/", "ftp://a/", "http://" + "a" * 300 + ".example/"]
)
def test_what_is_no_web_address_raises_nothing(url):
    assert check_link(url, is_allowed=anybody).status in {LinkStatus.DOUBTFUL, LinkStatus.NAMELESS, LinkStatus.OFFLINE}


def test_a_closed_port_is_doubtful():
    found = check_link(f"http://127.0.0.1:{free_port()}/", is_allowed=anybody)

    assert (found.status, found.detail) == (LinkStatus.DOUBTFUL, "Connection refused")


def test_a_silent_server_is_given_up(monkeypatch):
    monkeypatch.setattr(safe_http, "STEP_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = check_link(f"http://127.0.0.1:{server.getsockname()[1]}/", is_allowed=anybody)

    assert found.status == LinkStatus.DOUBTFUL
    assert found.detail.startswith("no answer within")


def test_a_server_that_drips_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(safe_http, "TOTAL_SECONDS", 0.2)
    hung_up = threading.Event()

    class Drip(BaseHTTPRequestHandler):
        def do_HEAD(self):
            try:
                for _drop in range(200):
                    self.wfile.write(b"H")
                    threading.Event().wait(0.02)
            except OSError:
                hung_up.set()

        def log_message(self, *_words):
            pass

    with serving(Drip) as server:
        found = check_link(f"http://127.0.0.1:{server.server_port}/", is_allowed=anybody)
        assert hung_up.wait(4)

    assert found.status == LinkStatus.DOUBTFUL
    assert found.detail in {"BadStatusLine", "Connection reset by peer"}  # who hangs up first


def test_many_are_asked_and_each_is_counted(site):
    counted = []
    urls = [f"{site.url}/{code}" for code in (200, 404, 503, 200, 410, 204)]

    found = check_links(urls, on_progress=counted.append, is_allowed=anybody)

    assert [one.url for one in found] == urls
    assert [one.detail for one in found] == ["200", "404", "503", "200", "410", "204"]
    assert counted == [1, 2, 3, 4, 5, 6]


def test_where_no_host_has_a_name_it_is_the_way_out_that_is_missing(site):
    def has_a_name(_address: str, port: int) -> bool:
        if port != site.server_port:
            raise RequestBlocked(LinkStatus.NAMELESS)
        return True

    urls = ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]

    alone = check_links(urls, on_progress=lambda _done: None, is_allowed=has_a_name)
    beside = check_links([*urls, site.url], on_progress=lambda _done: None, is_allowed=has_a_name)

    assert {one.status for one in alone} == {LinkStatus.OFFLINE}
    assert [one.status for one in beside] == [LinkStatus.NAMELESS, LinkStatus.NAMELESS, LinkStatus.THERE]
