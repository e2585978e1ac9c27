"""What became of each copy as a file: whole, or the failed ones; streamed, and safe in a spreadsheet."""

import csv
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from tests.factories import make_issue, make_post, make_subscriber

pytestmark = pytest.mark.usefixtures("clock")
NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)
WORDS = "=HYPERLINK(1) no such user"


@pytest.fixture
def mailing(author) -> Mailing:
    """To a, b, c and d at example.org in two batches; b failed."""
    for name in "abcd":
        make_subscriber(f"{name}@example.org")
    mailing = approving.approve(make_issue(make_post(), number=7), send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(mailing, NOW)
    mailing.batches.all().delete()
    mailing.deliveries.update(state=Delivery.State.SENT, reply="250 ok", attempts=1, sent_at=NOW)
    mailing.deliveries.filter(seq=1).update(state=Delivery.State.FAILED, reply=WORDS, sent_at=None)
    for no, failed in enumerate((1, 0)):
        counts = {"sent": 2 - failed, "failed": failed}
        ends = {"lo": 2 * no, "hi": 2 * no + 2, "cursor": 2 * no + 2}
        Batch.objects.create(mailing=mailing, no=no, state=Batch.State.DONE, **ends, **counts)
    return mailing


def downloaded(author, mailing: Mailing, which: str) -> list[dict[str, str]]:
    response = author.get(reverse("admin:mailing_csv", args=[mailing.pk, which]))
    assert response.streaming
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def test_every_copy_is_one_line_in_the_order_of_the_numbers(author, mailing):
    rows = downloaded(author, mailing, "all")

    assert [row["email"] for row in rows] == ["a@example.org", "b@example.org", "c@example.org", "d@example.org"]
    assert rows[0] == {
        "number": "0",
        "email": "a@example.org",
        "state": "sent",
        "tries": "1",
        "sent_at": "2026-11-24T02:39:00+00:00",
        "words": "250 ok",
    }


def test_the_failures_are_a_file_of_their_own_and_a_spreadsheet_computes_nothing(author, mailing):
    [row] = downloaded(author, mailing, "failed")

    assert (row["email"], row["state"], row["words"]) == ("b@example.org", "failed", f"'{WORDS}")


def test_a_file_is_read_a_batch_at_a_time_and_only_where_something_failed(author, mailing):
    response = author.get(reverse("admin:mailing_csv", args=[mailing.pk, "failed"]))

    with CaptureQueriesContext(connection) as queries:
        b"".join(response.streaming_content)

    read = [query["sql"] for query in queries if "delivery_delivery" in query["sql"]]
    assert len(read) == 1
    assert '"seq" >= 0' in read[0]
    assert '"seq" < 2' in read[0]


def test_an_old_session_proves_who_it_is_first(author, mailing, clock):
    clock.move_to(NOW + timedelta(minutes=11))

    response = author.get(reverse("admin:mailing_csv", args=[mailing.pk, "all"]))

    assert not response.streaming
    assert "desk/proof.html" in [template.name for template in response.templates]
