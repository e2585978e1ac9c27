"""The doctor visits SITE_URL from outside, by real connections to a name that leads to this machine."""

import http.server
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone, translation

from newsletter.operation import site_visit
from tests.factories import make_publication

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "news.gipi.test"


@pytest.fixture(autouse=True)
def _name_leads_here(monkeypatch, settings):
    """The name of the site leads to this machine; nothing listens at port 80."""
    look_up = socket.getaddrinfo

    def here(host, port, *args, **options):
        return look_up("127.0.0.1", 1 if port == 80 else port, *args, **options) if host == NAME else []

    monkeypatch.setattr(socket, "getaddrinfo", here)
    settings.VISITS_SITE = settings.SITE_URL_IS_GIVEN = True
    settings.ALLOWED_HOSTS = ["*"]
    make_publication()
    with translation.override("en"):
        yield


@pytest.fixture
def site(server, settings):
    """This installation, by its public name."""
    settings.SITE_URL = f"http://{NAME}:{server.url.rpartition(':')[2]}"


class Stranger(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b'{"proof": "none"}')

    def log_message(self, *args):
        pass


@contextmanager
def another_site(settings, pem=None, status=200):
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (Stranger,), {"status": status}))
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        served.socket = context.wrap_socket(served.socket, server_side=True)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    settings.SITE_URL = f"http{'s' if pem else ''}://{NAME}:{served.server_address[1]}"
    yield
    served.shutdown()
    served.server_close()


@pytest.fixture
def pem(tmp_path):
    """A key with a certificate of its own, for five days."""
    key, certificate, both = (tmp_path / name for name in ("key", "certificate", "both"))
    names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "5", *names]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


def found():
    return [(one.level, one.id, one.message.partition(": ")[2]) for one in site_visit.visit_findings(timezone.now())]


def test_a_site_that_answers_as_it_is_set_is_well(site):
    assert found() == []


@pytest.mark.parametrize("given", [False, True])
def test_a_site_without_a_public_address_is_not_visited(settings, given):
    settings.SITE_URL_IS_GIVEN, settings.SITE_URL = given, "http://127.0.0.1:1" if given else f"http://{NAME}:1"

    assert found() == []


def test_a_number_of_proxies_that_is_not_theirs_is_named_with_the_right_one(site, settings):
    settings.TRUSTED_PROXIES = 2

    words = "TRUSTED_PROXIES is 2, but a request passes 0: limits count wrong addresses."
    assert found() == [("error", "site.proxies", words)]


def test_a_proxy_that_does_not_say_that_it_ends_tls_is_named(site, settings):
    seen = {"scheme": "http", "hops": [site_visit.FORGED, "203.0.113.7"]}
    settings.TRUSTED_PROXIES, https = 1, site_visit.urlsplit("https://news.gipi.test")

    assert [one.id for one in site_visit._seen_findings(https, seen)] == ["site.scheme"]
    assert list(site_visit._seen_findings(https, seen | {"scheme": "https"})) == []


@pytest.mark.parametrize(("status", "name"), [(200, "site.other"), (404, "site.other"), (502, "site.failing")])
def test_another_site_or_a_proxy_before_nothing_is_named(settings, status, name):
    with another_site(settings, status=status):
        assert [one[:2] for one in found()] == [("error", name)]


def test_a_certificate_that_nobody_vouches_for_is_an_error_and_one_that_ends_soon_a_warning(settings, pem, monkeypatch):
    with another_site(settings, pem):
        assert found() == [("error", "site.certificate", "The certificate is not valid: self-signed certificate.")]
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert ("warning", "site.certificate", "The certificate ends in 4 days.") in found()


def test_a_site_that_cannot_be_reached_is_a_warning(settings):
    settings.SITE_URL = f"http://{NAME}:1"

    assert [one[:2] for one in found()] == [("warning", "site.unreachable")]


def test_the_echo_is_there_for_a_token_of_our_own_and_for_five_minutes(client, settings):
    now = timezone.now()
    token = site_visit.new_token(now)

    assert client.get(f"/healthz/{token}", headers={"X-Forwarded-For": "a, b"}).json()["hops"] == ["a", "b"]
    old = site_visit.new_token(now - timedelta(minutes=6))
    assert [client.get(f"/healthz/{one}").status_code for one in (old, token[:-1] + "x", "x")] == [404, 404, 404]
