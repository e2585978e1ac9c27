from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from subscribers import reader_lists
from subscribers.admin import SubscriberAdmin
from tests.factories import finish_batches, make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
READERS = "/admin/subscribers/subscriber/"


@pytest.fixture(autouse=True)
def publication():
    return make_publication()


def shown(response) -> list[str]:
    return sorted(str(row) for row in response.context["cl"].result_list)


def make_sent(**fields) -> Mailing:
    """A mailing to everybody there is, of which each copy was sent."""
    now = timezone.now()
    mailing = approving.approve(make_issue(make_post(), **fields), send_at=None, now=now, hold=timedelta())
    beginning.plan_mailing(mailing, now)
    mailing.deliveries.update(state=Delivery.State.SENT, sent_at=now, reply="250 2.0.0 OK")
    finish_batches(mailing)
    mailing.finish(now)
    return mailing


def test_filters_are_combined_in_the_address_and_stay_in_the_form(admin_client):
    make_subscriber("both@example.org", tags="vip")
    make_subscriber("other@example.org", tags="vip", state="unsubscribed")
    make_subscriber("plain@example.org")

    page = admin_client.get(READERS, {"state": "active", "tag": "vip", "q": "example", "joined_from": "2026-01-01"})

    assert shown(page) == ["both@example.org"]
    assert '<option value="vip" selected>' in page.text
    assert 'value="2026-01-01"' in page.text


def test_nothing_is_offered_to_be_done_to_nobody(admin_client):
    make_subscriber("one@example.org")

    some, nobody = (admin_client.get(READERS, {"q": words}).text for words in ("one@", "zzzz"))

    assert "All of these…" in some
    assert "All of these…" not in nobody
    assert "Work on readers" in nobody  # the way to what was done before stays


def test_the_number_of_queries_does_not_grow_with_the_readers(admin_client):
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            admin_client.get(READERS)
        return len(asked)

    make_subscriber(tags="vip")
    queries()
    few = queries()
    for _number in range(20):
        make_subscriber(tags="vip,course").suppress("bounced")

    assert queries() == few


def test_a_reader_says_in_the_list_that_no_mail_goes_there(admin_client):
    make_subscriber("gone@example.org", name="小明", tags="vip").suppress("bounced")

    text = admin_client.get(READERS).text

    assert '<span class="dot dot-bad">suppressed</span>' in text
    assert '<small class="address"><bdi>gone@example.org</bdi></small>' in text
    assert '<span class="tag">vip</span>' in text


def test_who_has_no_copy_of_the_last_issue_is_found(admin_client):
    make_subscriber("has@example.org")
    make_sent(subject="第 42 期")
    make_subscriber("new@example.org")
    make_subscriber("left@example.org", state="unsubscribed")

    page = admin_client.get(READERS, {"copies": "none-of-last"})

    assert shown(page) == ["new@example.org"]
    assert "none of " in page.text


def test_what_was_found_is_read_once_and_shown_page_by_page(admin_client, monkeypatch):
    monkeypatch.setattr(SubscriberAdmin, "list_per_page", 2)
    monkeypatch.setattr(reader_lists, "SEARCHED_MAX", 4)
    for number in range(6):
        make_subscriber(f"reader{number}@example.org")

    with CaptureQueriesContext(connection) as asked:
        first = admin_client.get(READERS, {"q": "reader"})

    assert [
        one["sql"] for one in asked if "LIKE" in one["sql"] and "token_salt" in one["sql"]
    ] == []  # rows by their keys
    pages = [shown(admin_client.get(READERS, {"q": "reader", "p": number})) for number in (1, 2, 3)]
    assert pages == [[f"reader{n}@example.org" for n in two] for two in ((4, 5), (2, 3), (0, 1))]
    assert "1–2 of 6" in first.text
    assert shown(admin_client.get(READERS, {"q": "reader", "all": ""})) == [f"reader{n}@example.org" for n in range(6)]
    assert shown(admin_client.get(READERS, {"q": "nobody"})) == []
