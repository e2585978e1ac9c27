"""First start, the home of the desk, and what machines ask."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.urls import reverse
from django.utils import timezone

from newsletter.delivery.models import Batch, Mailing
from newsletter.operation.accounts import author
from newsletter.posts.models import Post
from subscribers.models import Subscriber
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.support.pages import markup

ALIVE = {"dispatcher": "ok", "confirmations": "ok", "clock": "ok"}
CHOSEN = {
    "username": "gipi",
    "email": "gipi@example.org",
    "password1": "leverage-2026",
    "password2": "leverage-2026",
}


@pytest.fixture
def link(db) -> str:
    make_publication()
    return author.link(author.get_or_create(), base_url="")


@pytest.fixture
def desk(client, db):
    """A client that is logged in as the author."""
    make_publication()
    client.force_login(User.objects.create_superuser("gipi", password="leverage-2026"))
    return client


def make_mailing(issue, **fields) -> Mailing:
    now = timezone.now()
    frozen = {"subject": issue.subject, "html": "", "text": "", "content_hash": ""}
    return Mailing.objects.create(issue=issue, **({"approved_at": now, "send_at": now} | frozen | fields))


# --- What machines ask ---


def test_health_is_told_without_a_database_or_a_cookie(client):
    response = client.get(reverse("desk:healthz"))

    assert (response.status_code, response.content, response.cookies) == (200, b"ok\n", {})


def test_health_is_told_to_machines_that_do_not_speak_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_an_installation_in_order_is_ready(client, settings):
    settings.QUEUE_DIR.mkdir(parents=True, exist_ok=True)

    response = client.get(reverse("desk:readyz"))

    assert response.status_code == 200
    assert response.json() == {"ready": True, "database": "ok", "migrations": "ok", "queue": "ok"} | ALIVE


@pytest.mark.django_db
def test_a_missing_queue_is_named(client, settings, tmp_path):
    settings.QUEUE_DIR = tmp_path / "nowhere"

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
    (latest,) = MigrationLoader(connection).graph.leaf_nodes("delivery")
    MigrationRecorder(connection).record_unapplied(*latest)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["migrations"] == "pending"


# --- The first start ---


def test_opening_the_link_changes_nothing(client, link):
    pages = [client.get(link), client.get(link)]

    assert [page.status_code for page in pages] == [200, 200]
    assert author.is_missing()


def test_the_link_makes_the_account_and_opens_the_desk(client, link):
    response = client.post(link, CHOSEN, follow=True)

    assert response.redirect_chain == [("/admin/", 302)]
    assert [str(message) for message in response.context["messages"]] == ["Welcome, gipi. This is your desk."]
    made = User.objects.get()
    assert (made.username, made.email, made.check_password("leverage-2026")) == ("gipi", "gipi@example.org", True)


def test_an_e_mail_address_is_not_needed(client, link):
    response = client.post(link, CHOSEN | {"email": ""})

    assert response.status_code == 302


def test_a_used_link_is_gone_and_says_what_to_do(client, link):
    client.post(link, CHOSEN)

    response = client.get(link)

    assert response.status_code == 410
    assert "uv run manage.py author_link" in response.text


def test_a_tampered_link_is_gone(client, link):
    response = client.get(link[:-2] + "x/")

    assert response.status_code == 410


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


@pytest.mark.parametrize(
    "password", ["12345678", "short", "password", "gipi", "gipi2026", "P@ssw0rd1", "elevenchars", "x" * 1025]
)
def test_a_weak_password_is_refused(client, link, password):
    response = client.post(link, CHOSEN | {"password1": password, "password2": password})

    assert "password2" in response.context["form"].errors
    assert author.is_missing()


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


# --- The home of the desk ---


def test_the_home_tells_the_next_slot_in_local_time(desk):
    make_publication(cadence_anchor_on=date(2026, 11, 3))

    with time_machine.travel("2026-11-24 04:00+00:00", tick=False):
        desk.force_login(User.objects.get())
        response = desk.get("/admin/")

    assert response.context["next_slot"] == datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
    assert 'datetime="2026-12-01T08:00:00+08:00"' in response.text


def test_the_home_counts_readers_by_state(desk):
    make_subscriber()
    make_subscriber()
    make_subscriber(state=Subscriber.State.PENDING, confirmed_at=None)

    readers = desk.get("/admin/").context["readers"]

    assert readers == {"pending": 1, "active": 2, "paused": 0, "unsubscribed": 0}


def test_the_home_counts_published_posts_that_wait(desk):
    make_post()
    make_post(published_at=None)
    make_issue(make_post(), sent_at=timezone.now())

    assert desk.get("/admin/").context["waiting_posts"] == 1


def test_the_home_shows_the_latest_mailing(desk):
    mailing = make_mailing(make_issue(make_post()), state="sent", planned_at=timezone.now(), total=3)
    Batch.objects.create(mailing=mailing, no=0, lo=0, hi=3, cursor=3, state="done", sent=2, uncertain=1)

    response = desk.get("/admin/")

    assert response.context["latest_mailing"] == mailing
    assert "1 mail may or may not have arrived" in response.text


def test_the_latest_mailing_is_one_that_was_sent_and_none_that_is_only_planned(desk):
    now = timezone.now()
    sent = make_mailing(make_issue(make_post(), sent_at=now), state="sent", planned_at=now, finished_at=now)
    make_mailing(make_issue(make_post(), subject="排定的"), send_at=now + timedelta(days=2))
    make_mailing(make_issue(make_post()), state="cancelled", finished_at=now)

    home = desk.get("/admin/")

    assert home.context["latest_mailing"] == sent
    assert list(home.context["on_their_way"]) == []
    assert home.text.count("排定的") == 1  # where the next issue is told


@pytest.mark.parametrize(("state", "words"), [("sending", "On its way"), ("paused", "Stopped on its way")])
def test_a_mailing_on_its_way_has_a_place_of_its_own(desk, state, words):
    now = timezone.now()
    sent = make_mailing(make_issue(make_post(), sent_at=now), state="sent", planned_at=now, finished_at=now)
    running = make_mailing(make_issue(make_post(), sent_at=now), state=state, planned_at=now, total=3)
    Batch.objects.create(mailing=running, no=0, lo=0, hi=3, cursor=1, sent=1)

    home = desk.get("/admin/")

    assert (home.context["latest_mailing"], list(home.context["on_their_way"])) == (sent, [running])
    assert f">{words}</h2>" in markup(home)


def test_a_published_post_that_no_issue_has_is_named_also_beside_a_draft_issue(desk):
    make_post("沒有人記得的")
    make_post("草稿", published_at=None)
    make_post("收進去的")
    make_issue(Post.objects.get(title="收進去的"))
    archive = make_post("別處來的", source="ghost:1", published_at=datetime(2019, 1, 1, tzinfo=UTC))

    home = desk.get("/admin/")

    assert [post.title for post in home.context["left_out"]] == ["沒有人記得的"]
    assert "Published, and in no issue yet" in home.text
    assert "沒有人記得的" in home.text
    assert archive.title not in home.text


def test_many_posts_that_no_issue_has_are_counted(desk):
    for number in range(6):
        make_post(f"第{number}篇")
    make_issue(make_post())

    assert "and 2 more" in markup(desk.get("/admin/"))


def test_an_archive_that_was_sent_elsewhere_is_no_mailing_from_here(desk):
    make_issue(make_post(), sent_at=timezone.now())

    home = desk.get("/admin/").text

    assert "No issue was mailed from here yet. Those of the archive came from elsewhere." in home
    assert "Nothing has been sent yet" not in home


def test_the_home_tells_when_the_next_issue_leaves(desk):
    issue = make_issue(make_post(), subject="管理槓桿")
    make_mailing(issue, send_at=timezone.now() + timedelta(days=2))

    response = desk.get("/admin/")

    assert f"{issue} leaves on" in response.text


def test_the_home_of_a_new_installation_has_nothing_sent(desk):
    response = desk.get("/admin/")

    assert "Nothing has been sent yet." in response.text
    assert "Mail leaves only for the outbox: no reader gets any." in response.text


def test_the_home_costs_the_same_with_many_readers(desk, django_assert_max_num_queries):
    for _ in range(20):
        make_subscriber()
    caches["pages"].delete("publication")

    with django_assert_max_num_queries(25):
        desk.get("/admin/")
