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

from newsletter.mail import tokens
from newsletter.operation import site_visit
from tests.factories import make_publication
from tests.support import proxies
from tests.support.processes import free_port

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "news.gipi.test"
PORTS = {80: 1}  # nothing listens there


@pytest.fixture(autouse=True)
def _name_leads_here(monkeypatch, settings):
    """The name of the site leads to this machine."""
    look_up = socket.getaddrinfo

    def here(host, port, *args, **options):
        return look_up("127.0.0.1", PORTS.get(port, port), *args, **options) if host == NAME else []

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
def stranger(pem=None, status=200):
    """Run another site; yield its port."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (Stranger,), {"status": status}))
    if pem:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        served.socket = context.wrap_socket(served.socket, server_side=True)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        yield served.server_address[1]
    finally:
        served.shutdown()
        served.server_close()


@contextmanager
def another_site(settings, pem=None, status=200):
    with stranger(pem, status) as port:
        settings.SITE_URL = f"http{'s' if pem else ''}://{NAME}:{port}"
        yield


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


@pytest.mark.servers
@pytest.mark.parametrize("kind", proxies.KINDS)
def test_behind_each_proxy_of_the_document_the_number_to_set_is_told(kind, server, settings, pem, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    port, told = free_port(), []
    settings.SITE_URL = f"https://{NAME}:{port}"
    with proxies.start(kind, port, int(server.url.rpartition(":")[2]), pem=pem):
        for trusted in (0, 1, 2):
            settings.TRUSTED_PROXIES = trusted
            settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if trusted else None
            findings = site_visit.visit_findings(timezone.now())
            told.append([(one.id, one.hint) for one in findings if one.id != "site.certificate"])

    scheme = "Set TRUSTED_PROXIES=1; the proxy must send X-Forwarded-Proto: docs/deploy.md."
    assert told == [[("site.scheme", scheme)], [], [("site.proxies", "Set TRUSTED_PROXIES=1.")]]


def test_a_proxy_that_adds_no_address_is_to_do_so_and_not_to_be_mistrusted(settings):
    """Without TRUSTED_PROXIES each page behind TLS would redirect to itself."""
    settings.TRUSTED_PROXIES, https = 1, site_visit.urlsplit("https://news.gipi.test")

    (finding,) = site_visit._seen_findings(https, {"scheme": "https", "hops": [site_visit.FORGED]})

    assert (finding.id, finding.hint) == ("site.proxies", "Let the proxy send X-Forwarded-For: docs/deploy.md.")


@pytest.mark.parametrize(("status", "name"), [(200, "site.other"), (404, "site.other"), (502, "site.failing")])
def test_another_site_or_a_proxy_before_nothing_is_named(settings, status, name):
    with another_site(settings, status=status):
        assert [one[:2] for one in found()] == [("error", name)]


def test_a_certificate_that_nobody_vouches_for_is_an_error_and_one_that_ends_soon_a_warning(settings, pem, monkeypatch):
    with another_site(settings, pem):
        assert found() == [("error", "site.certificate", "The certificate is not valid: self-signed certificate.")]
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert ("warning", "site.certificate", "The certificate ends in 4 days.") in found()


@pytest.mark.parametrize(("status", "is_named"), [(200, True), (301, False)])
def test_a_site_that_does_not_lead_to_https_is_named(settings, pem, monkeypatch, status, is_named):
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with another_site(settings, pem), stranger(status=status) as plain:
        monkeypatch.setitem(PORTS, 80, plain)

        assert ("site.redirect" in [one[1] for one in found()]) is is_named


def test_a_site_that_cannot_be_reached_is_a_warning(settings):
    settings.SITE_URL = f"http://{NAME}:1"

    assert [one[:2] for one in found()] == [("warning", "site.unreachable")]


def test_the_echo_is_there_for_a_token_of_our_own_and_for_five_minutes(client, django_assert_num_queries):
    now = timezone.now()
    token = site_visit.new_token(now)

    with django_assert_num_queries(0):  # it works while the database is away, and before the set-up
        assert client.get(f"/healthz/{token}", headers={"X-Forwarded-For": "a, b"}).json()["hops"] == ["a", "b"]
    old = site_visit.new_token(now - timedelta(minutes=6))
    for_another_purpose = tokens.sign("unsubscribe", int(now.timestamp()))
    assert [client.get(f"/healthz/{one}").status_code for one in (old, for_another_purpose, "x")] == [404, 404, 404]
