"""The first start, and what machines ask."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.urls import reverse

from newsletter.operation.accounts import author
from tests.factories import make_publication

ALIVE = {"data_dir": "ok", "dispatcher": "ok", "confirmations": "ok", "clock": "ok"}
CHOSEN = {
    "username": "gipi",
    "email": "gipi@example.org",
    "password1": "leverage-2026",
    "password2": "leverage-2026",
}


@pytest.fixture
def link(db) -> str:
    make_publication()
    return author.start_link(author.get_or_create_author(), base_url="")


@pytest.fixture
def desk(client, db):
    """A client that is logged in as the author."""
    make_publication()
    client.force_login(User.objects.create_superuser("gipi", password="leverage-2026"))
    return client


# --- What machines ask ---


def test_health_is_told_without_a_database_or_a_cookie(client):
    response = client.get(reverse("desk:healthz"))

    assert (response.status_code, response.content, response.cookies) == (200, b"ok\n", {})


@pytest.mark.django_db
def test_an_installation_in_order_is_ready(client, settings):
    settings.QUEUE_DIR.mkdir(parents=True, exist_ok=True)

    response = client.get(reverse("desk:readyz"))

    assert response.status_code == 200
    assert response.json() == {"ready": True, "database": "ok", "migrations": "ok", "queue": "ok"} | ALIVE


@pytest.mark.django_db
def test_a_missing_queue_is_named(client, settings, tmp_path):
    settings.QUEUE_DIR = tmp_path / "nowhere" / "queue"

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"ready": False, "database": "ok", "migrations": "ok", "queue": "no folder"} | ALIVE


@pytest.mark.django_db
def test_a_redis_that_is_gone_is_named_without_its_password(client, settings):
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["queue"] == "ConnectionError"


@pytest.mark.django_db
def test_a_migration_that_was_not_run_is_named(client, settings):
    settings.QUEUE_DIR.mkdir(parents=True, exist_ok=True)
    (latest,) = MigrationLoader(connection).graph.leaf_nodes("hooks")
    MigrationRecorder(connection).record_unapplied(*latest)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["migrations"] == "pending"


# --- The first start ---


def test_opening_the_link_changes_nothing(client, link):
    pages = [client.get(link), client.get(link)]

    assert [page.status_code for page in pages] == [200, 200]
    assert author.nobody_can_log_in()


def test_the_link_makes_the_account_and_opens_the_desk(client, link):
    response = client.post(link, CHOSEN, follow=True)

    assert response.redirect_chain == [("/admin/", 302)]
    assert [str(message) for message in response.context["messages"]] == ["Welcome, gipi. This is your desk."]
    made = User.objects.get()
    assert (made.username, made.email, made.check_password("leverage-2026")) == ("gipi", "gipi@example.org", True)


def test_a_used_link_is_gone_and_says_what_to_do(client, link):
    client.post(link, CHOSEN)

    response = client.get(link)

    assert response.status_code == 410
    assert "uv run manage.py author_link" in response.text


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("password2", "something-else-1", "The two password fields didn’t match."),
        ("username", "", "This field is required."),
        ("email", "no address", "Enter a valid email address."),
    ],
)
def test_a_bad_choice_keeps_the_link_alive(client, link, field, value, error):
    response = client.post(link, CHOSEN | {field: value})

    assert error in response.text
    assert client.get(link).status_code == 200


def test_a_name_that_somebody_has_is_refused(client, link):
    User.objects.create_user("gipi")

    response = client.post(link, CHOSEN)

    assert "A user with that username already exists." in response.text


def test_the_page_of_a_link_is_kept_by_no_cache_and_told_to_no_other_site(client, link):
    response = client.get(link)

    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "same-origin"


def test_guessing_links_is_stopped(client, link):
    for _ in range(10):
        client.get("/admin/start/MQ/guess/")

    response = client.get(link)

    assert response.status_code == 429
    assert 590 <= int(response["Retry-After"]) <= 600
    assert "Wait ten minutes, then try again." in response.text
