"""From the list to the end of work on many readers, as an author goes."""

import html
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from newsletter.desk import tasks
from newsletter.desk.models import FILES_LIFETIME, Errand
from subscribers.models import Subscriber, Suppression
from tests.factories import make_publication, make_subscriber

pytestmark = pytest.mark.django_db
READERS = "/admin/subscribers/subscriber/"
BULK = f"{READERS}bulk/"
CHOSEN = re.compile(r'name="chosen" value="([^"]+)"')


@pytest.fixture(autouse=True)
def publication(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return make_publication()


def run(client, action: str, *readers: Subscriber, query: str = "", **fields: str):
    """Run an action of the list, as Django's own form does."""
    data = {"action": action, "_selected_action": [reader.pk for reader in readers]} | fields
    return client.post(f"{READERS}?{query}", data, follow=True)


def begin(client, page, **fields: str):
    """Press the button of the page that asks."""
    chosen = html.unescape(CHOSEN.search(page.text)[1])
    return client.post(page.request["PATH_INFO"], {"chosen": chosen} | fields, follow=True)


def finished() -> Errand:
    tasks.work_on_errands()
    return Errand.objects.first()


def test_an_action_on_all_that_match_asks_first_and_means_the_filter_that_was_seen(admin_client):
    vip = [make_subscriber(tags="vip") for _number in range(3)]
    make_subscriber()

    page = run(admin_client, "bulk_suppress", vip[0], query="tag=vip&state=active", select_across="1")

    assert not Suppression.objects.exists()
    assert "<strong>3 readers</strong>" in page.text
    assert "state: active, tag: vip" in page.text
    assert "Never mail again: 3 readers" in page.text

    make_subscriber(tags="vip")  # came while the page was open
    after = begin(admin_client, page, reason="要求刪除")

    errand = finished()
    assert (errand.state, errand.counts) == ("done", {"done": 3})
    assert sorted(Suppression.objects.values_list("email", flat=True)) == sorted(one.email for one in vip)
    assert after.request["PATH_INFO"] == f"{READERS}errands/{errand.pk}/"


def test_the_end_says_what_was_done_and_what_not_and_why(admin_client):
    make_subscriber()
    make_subscriber(state="unsubscribed")
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    begin(admin_client, admin_client.get(f"{BULK}pause/?all=1"), until_on=tomorrow)

    text = admin_client.get(f"{READERS}errands/{finished().pk}/").text

    assert "<dt>were paused</dt><dd>1</dd>" in text
    assert "<dt>have not confirmed, or have left</dt><dd>1</dd>" in text


@pytest.mark.parametrize(
    ("kind", "fields", "error"),
    [
        ("tag", {"tag": ""}, "This field is required."),
        ("tag", {"tag": "a, b"}, "Type one tag, without a comma."),
        ("untag", {"tag": "unknown"}, "unknown is not one of the available choices"),
        ("pause", {"until_on": "2020-01-01"}, "Choose a day after today."),
        ("pause", {"until_on": "2099-01-01"}, "A pause lasts a year at most."),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_begins(admin_client, kind, fields, error):
    make_subscriber()

    response = begin(admin_client, admin_client.get(f"{BULK}{kind}/?all=1"), **fields)

    assert response.status_code == 400
    assert error in html.unescape(response.text)
    assert not Errand.objects.exists()
    assert CHOSEN.search(response.text)


@pytest.mark.parametrize("query", ["", "readers=x", "all="])
def test_an_address_that_means_nobody_says_so(admin_client, query):
    response = admin_client.get(f"{BULK}tag/?{query}")

    assert response.status_code == 400
    assert "nothing was done" in response.text


def test_the_button_of_another_user_or_of_last_week_begins_nothing(admin_client, time_machine):
    make_subscriber()
    page = admin_client.get(f"{BULK}tag/?all=1")
    other = Client()
    other.force_login(User.objects.create_superuser("other", "o@example.org", "pw"))

    assert begin(other, page, tag="vip").status_code == 400
    time_machine.move_to(timezone.now() + timedelta(days=2))
    assert begin(admin_client, page, tag="vip").status_code in {400, 404}
    assert not Errand.objects.exists()


def test_it_can_be_stopped_and_says_that_the_others_stay(admin_client):
    make_subscriber()
    begin(admin_client, admin_client.get(f"{BULK}unsubscribe/?all=1"))
    errand = Errand.objects.get()

    page = admin_client.post(f"{READERS}errands/{errand.pk}/stop/", follow=True)
    tasks.work_on_errands()

    assert "The others were left as they are." in page.text
    assert Subscriber.objects.filter(state="active").count() == 1


def test_the_part_that_moves_is_asked_for_until_the_end(admin_client):
    make_subscriber()
    begin(admin_client, admin_client.get(f"{BULK}tag/?all=1"), tag="vip")
    url = f"{READERS}errands/{Errand.objects.get().pk}/moving/"

    before = admin_client.get(url)
    finished()
    after = admin_client.get(url)

    assert "data-again" in before.text
    assert "data-again" not in after.text
    assert "no-store" in before.headers["Cache-Control"]


def test_an_export_is_downloaded_by_who_asked_for_it_for_a_day(admin_client, time_machine):
    make_subscriber("a@example.org", name="小明")
    begin(admin_client, admin_client.get(f"{BULK}export/?all=1"))
    errand = finished()
    url = f"{READERS}errands/{errand.pk}/files/readers.csv"

    response = admin_client.get(url)
    other = Client()
    other.force_login(User.objects.create_superuser("other", "o@example.org", "pw"))

    assert b"".join(response.streaming_content).decode("utf-8-sig").splitlines()[1].startswith("a@example.org,小明")
    assert "no-store" in response.headers["Cache-Control"]
    assert "attachment" in response.headers["Content-Disposition"]
    assert other.get(url).status_code == 404
    assert "Only admin, who asked for it" in other.get(f"{READERS}errands/{errand.pk}/").text
    assert admin_client.get(f"{READERS}errands/{errand.pk}/files/..").status_code == 404
    Errand.objects.update(ended_at=timezone.now() - FILES_LIFETIME)
    assert admin_client.get(url).status_code == 404
    assert "The file was deleted after a day." in admin_client.get(f"{READERS}errands/{errand.pk}/").text
