"""What is fetched from the web comes from the web: never from this machine, nor from the network that it is in."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from newsletter.mail import safe_http
from newsletter.mail.safe_http import FetchError, fetch


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/picture")
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
        elif self.path == "/gone":
            self.send_response(404)
        else:
            self.send_response(200)
        self.end_headers()
        if self.path in {"/picture", "/gone"}:
            self.wfile.write(b"0123456789")

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def here_only(address, port):
    return address == "127.0.0.1"


@pytest.mark.parametrize("path", ["/picture", "/moved"])
def test_what_is_there_comes_no_further_than_asked(site, path):
    assert fetch(site + path, 4, agent="x", is_allowed=here_only) == b"0123"


@pytest.mark.parametrize(
    ("path", "why"),
    [("/gone", "the server says 404"), ("/round", "the server says 302"), ("/away", "private|odd port")],
)
def test_what_is_not_there_is_told_with_the_reason(site, path, why):
    with pytest.raises(FetchError, match=why):
        fetch(site + path, 100, agent="x", is_allowed=lambda address, port: address == "127.0.0.1")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://localhost/a.png",
        "http://[::1]/a.png",
        "http://169.254.169.254/latest/",
        "http://10.0.0.1/a.png",
        "http://192.168.1.1/a.png",
        "http://[::ffff:127.0.0.1]/a.png",
        "http://[64:ff9b::7f00:1]/a.png",
        "http://93.184.216.34:6379/",
        "file:///etc/passwd",
        "ftp://example.org/a.png",
        "http://[x",
        "/a.png",
    ],
)
def test_nothing_of_our_own_network_is_asked_and_nothing_but_the_web(url, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(safe_http.socket, "create_connection", refuse)

    with pytest.raises(FetchError):
        fetch(url, 100, agent="x")


def test_a_resolver_that_does_not_answer_is_waited_for_no_longer_than_a_server(monkeypatch):
    answers = Event()
    monkeypatch.setattr(safe_http, "STEP_SECONDS", 0.05)
    monkeypatch.setattr(safe_http.socket, "getaddrinfo", lambda *args, **kwargs: answers.wait(20) and [])

    with pytest.raises(FetchError, match=r"doubtful: slow\.example"):
        fetch("https://slow.example/a.png", 100, agent="x")

    answers.set()
