"""/metrics: who may read it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.factories import make_publication

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
