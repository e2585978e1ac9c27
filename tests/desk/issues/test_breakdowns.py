"""How the copies divide, as the page of a mailing tells it: by receiving domain, and why they failed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from newsletter.delivery.ledger import breakdown
from newsletter.delivery.models import Breakdown, Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.desk.issues import copies
from newsletter.mail.smtp_replies import RefusalReason
from tests.factories import make_issue, make_post, make_subscriber
from tests.support.page_checks import markup

pytestmark = pytest.mark.usefixtures("clock")
NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)
MINUTES_LATER = NOW + timedelta(minutes=2)
STATE = Delivery.State


@pytest.fixture
def sending(author) -> Mailing:
    """A mailing to two at gmail.com, of whom one has it, and one at hinet.net."""
    for email in ("a@gmail.com", "b@gmail.com", "c@hinet.net"):
        make_subscriber(email)
    mailing = approving.approve(make_issue(make_post()), send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(mailing, NOW)
    mailing.deliveries.filter(seq=0).update(state=STATE.SENT)
    mailing.batches.filter(lo=0).update(sent=1, cursor=1)
    return mailing


def moving(author, mailing: Mailing, shape: str = "") -> dict:
    return author.get(reverse("admin:mailing_moving", args=[mailing.pk]), {"shape": shape}).json()


def test_the_page_tells_how_each_domain_takes_it(author, sending):
    breakdown.count_next_mailing(MINUTES_LATER)

    page = markup(author.get(reverse("admin:mailing", args=[sending.pk])))

    assert '<th scope="row">gmail.com</th><td data-figure="domain-0-queued" data-label="waiting">1</td>' in page
    assert '<td data-figure="domain-0-sent" data-label="sent">1</td>' in page
    assert '<th scope="row">hinet.net</th>' in page


def test_an_open_page_learns_of_domains_once_they_are_counted_and_then_of_numbers_alone(author, sending):
    before = moving(author, sending)
    breakdown.count_next_mailing(MINUTES_LATER)
    counted = moving(author, sending, before["shape"])
    sending.deliveries.filter(seq=1).update(state=STATE.FAILED, reply="550 5.1.1 no such user")
    sending.batches.filter(lo=0).update(failed=1, cursor=2)
    breakdown.count_next_mailing(MINUTES_LATER + breakdown.COUNT_INTERVAL)
    later = moving(author, sending, counted["shape"])

    assert "domain-0-sent" not in before["figures"]
    assert "gmail.com" in counted["html"]
    assert "html" not in later
    assert (counted["figures"]["domain-0-failed"], later["figures"]["domain-0-failed"]) == ("0", "1")


def test_a_look_reads_one_row_of_what_was_counted(author, sending):
    breakdown.count_next_mailing(MINUTES_LATER)
    shape = moving(author, sending)["shape"]

    with CaptureQueriesContext(connection) as queries:
        moving(author, sending, shape)

    counted = [query["sql"] for query in queries if "breakdown" in query["sql"]]
    assert len(counted) == 1
    assert "delivery_batchbreakdown" not in counted[0]
    assert [query for query in queries if "delivery_delivery" in query["sql"]] == []


def test_why_copies_failed_is_told_with_what_to_do_the_most_frequent_first(db):
    found = Breakdown(by_verdict={"policy": 1, "dead": 3, "ours": 0})

    told = copies.failure_reasons(found)

    with translation.override("en"):
        assert [(str(one["text"][0]), one["count"]) for one in told] == [
            ("The address does not exist", 3),
            ("The receiver does not want the letter", 1),
        ]
        assert "SPF, DKIM and DMARC" in told[1]["text"][1]
    assert told[1]["is_of_sender"]


def test_there_are_words_for_whatever_a_reply_may_mean():
    found = Breakdown(by_verdict=dict.fromkeys(map(str, RefusalReason), 1))

    told = copies.failure_reasons(found)

    assert len(told) == len(RefusalReason)
    assert all(all(one["text"]) for one in told)
