"""/metrics: who may read it, and that several web processes are counted together."""

import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from newsletter.operation.metrics import requests
from tests.factories import make_publication
from tests.support.processes import run_python

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _publication():
    make_publication()


@pytest.fixture
def ask(client, settings):
    settings.METRICS_TOKEN = "let-me-see"

    def ask(authorization="", **environ):
        headers = {"Authorization": authorization} if authorization else {}
        return client.get("/metrics", headers=headers, **environ)

    return ask


def test_whoever_has_the_token_reads(ask):
    response = ask("Bearer let-me-see", REMOTE_ADDR="203.0.113.7")

    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    assert "no-store" in response["Cache-Control"]
    families = {family.name for family in text_string_to_metric_families(response.text)}
    assert families >= {"newsletter_database_up", "newsletter_copies", "newsletter_readers"}


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Bearer let-me-se", "Basic let-me-see", "let-me-see"])
def test_to_anybody_else_the_page_does_not_exist(ask, given):
    response = ask(given)

    assert response.status_code == 404
    assert "newsletter_" not in response.text


def test_without_a_token_nobody_reads_a_public_site(client, settings):
    """A proxy on the same machine need not name its clients."""
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://news.example.org", ["news.example.org"]

    response = client.get("/metrics", REMOTE_ADDR="127.0.0.1", headers={"Host": "news.example.org"}, secure=True)

    assert response.status_code == 404


def test_without_a_token_the_machine_of_a_trial_alone_reads(client, settings):
    settings.SITE_URL = "http://127.0.0.1:8000"

    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.7").status_code == 404
    behind = client.get("/metrics", REMOTE_ADDR="127.0.0.1", headers={"X-Forwarded-For": "203.0.113.7"})
    assert behind.status_code == 404


def test_it_is_only_read(client):
    assert client.post("/metrics").status_code == 405


def test_no_address_of_a_reader_and_no_token_is_told(ask):
    text = ask("Bearer let-me-see").text

    assert "newsletter_readers" in text
    assert "@" not in text
    assert "/p/" not in text


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "page"),
        ("/p/128-words/", "page"),
        ("/admin/", "desk"),
        ("/r/1ZkQ3vY7bNp0aXeRt9/", "link"),
        ("/api/v1/posts", "api"),
        ("/webhooks/ses/tracking/", "webhook"),
        ("/metrics", "health"),
        ("/nowhere/" + "x" * 200, "page"),
    ],
)
def test_requests_are_of_a_few_kinds(path, kind):
    assert requests.kind_of(path) == kind


def test_a_process_that_serves_nobody_counts_nothing(client, ask):
    client.get("/")

    assert "newsletter_http_requests" not in ask("Bearer let-me-see").text


PROCESSES = """
import os, sys
import django
django.setup()
from newsletter.operation.metrics import page, requests
children = []
for number in range(3):
    if not (child := os.fork()):
        requests.start()
        requests.observe("/healthz", 200, 0.001, kept=None)
        for _ in range(number + 1):
            requests.observe("/p/1-words/", 200, 0.003, kept=number > 0)
        requests.observe("/admin/", 302, 0.2, kept=None)
        os._exit(0)
    os.waitpid(child, 0)
if not (child := os.fork()):
    requests.start()
    from prometheus_client import CollectorRegistry, generate_latest
    registry = CollectorRegistry()
    requests.add_to(registry)
    sys.stdout.buffer.write(generate_latest(registry))
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
"""


def samples(text):
    return {
        (sample.name.removeprefix("newsletter_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def counted(tmp_path):
    done = run_python("-c", PROCESSES, env=os.environ | {"DATA_DIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    return samples(done.stdout)


def test_the_processes_of_a_server_are_counted_together(tmp_path):
    facts = counted(tmp_path)

    assert facts["http_requests_total", "page", "2xx"] == 6
    assert facts["http_requests_total", "desk", "3xx"] == 3
    assert (facts["kept_pages_total", "true"], facts["kept_pages_total", "false"]) == (5, 1)
    assert facts["http_request_seconds_bucket", "page", "0.005"] == 6
    assert facts["http_request_seconds_count", "desk"] == 3


def test_a_server_that_is_started_anew_counts_from_nothing(tmp_path):
    counted(tmp_path)

    assert counted(tmp_path)["http_requests_total", "page", "2xx"] == 6
    assert len(list((tmp_path / "metrics").iterdir())) == 1


def test_a_folder_that_cannot_be_written_stops_no_server(tmp_path, monkeypatch, settings, caplog):
    settings.DATA_DIR = tmp_path / "a-file"
    settings.DATA_DIR.write_text("")

    requests.start()
    requests.observe("/", 200, 0.1, kept=None)

    assert "requests are not counted" in caplog.text
