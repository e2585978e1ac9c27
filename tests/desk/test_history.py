"""What the desk shows of copies, and that no page which only asks reads the ledger."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from newsletter.delivery.ledger import breakdown
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.planning.approving import count_copies as copies_of
from subscribers.models import Subscriber
from tests.factories import finish_batches, make_issue, make_post, make_publication, make_subscriber

NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)
STATE = Delivery.State
ROWS = (Delivery._meta.db_table,)

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(
        beginning, "batch_sizes", lambda total, *_rest: [40] * (total // 40) + [total % 40] * bool(total % 40)
    )


@pytest.fixture
def desk(client, db):
    make_publication(cadence_anchor_on=date(2026, 11, 3), cadence_at=time(8, 0), sender_email="news@news.example.org")
    client.force_login(User.objects.create_superuser("gipi", "gipi@example.org", "pw"))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def issue(desk):
    return make_issue(make_post("管理槓桿"), number=7, subject="第七期")


def sent(issue, readers, segment="", **others):
    """Send an issue to `readers`; others: by state, the numbers of the copies that were not accepted."""
    for _ in range(readers):
        make_subscriber()
    mailing = approving.approve(issue, send_at=None, now=NOW, hold=timedelta(), segment=segment)
    assert beginning.plan_mailing(mailing, NOW)
    mailing.deliveries.update(state=STATE.SENT, attempts=1, sent_at=NOW, reply="250 2.0.0 Ok: queued as 4F")
    for state, numbers in others.items():
        words = {"state": STATE[state.upper()], "reply": f"why {state}", "sent_at": None}
        mailing.deliveries.filter(seq__in=numbers).update(**words)
    finish_batches(mailing)
    assert mailing.finish(NOW)
    breakdown.count_next_mailing(NOW)
    return mailing


def copies(desk, mailing, state, after=""):
    return desk.get(reverse("admin:mailing_deliveries", args=[mailing.pk, state]), {"after": after})


# --- Copies by state ---


def test_an_erased_reader_is_named_on_no_page(desk, issue):
    mailing = sent(issue, 2, failed=[0])
    Subscriber.objects.order_by("pk")[0].erase()

    assert "erased" in copies(desk, mailing, "failed").text


# --- Nothing reads the ledger ---


def test_no_page_that_asks_reads_the_ledger(desk, issue):
    mailing = sent(issue, 5, uncertain=[1])
    part = make_issue(make_post(), number=8)
    make_subscriber(tags="paid")
    sent(part, 0, "+paid")
    pages = [
        reverse("admin:index"),
        reverse("admin:issues_issue_changelist"),
        reverse("admin:issues_issue_change", args=[issue.pk]),
        reverse("admin:issue_correct", args=[issue.pk]),
        reverse("admin:issue_send", args=[issue.pk]),
        reverse("admin:issue_send", args=[part.pk]),
        reverse("admin:issue_send", args=[part.pk]) + "?segment=-paid",
        reverse("admin:delivery_mailing_changelist"),
        reverse("admin:mailing", args=[mailing.pk]),
    ]
    with CaptureQueriesContext(connection) as queries:
        assert {desk.get(page).status_code for page in pages} == {200}

    asked = [query["sql"] for query in queries if any(f'"{table}"' in query["sql"] for table in ROWS)]
    assert [sql for sql in asked if 'FROM "delivery_event"' not in sql] == []  # of what came back, each by its key


def test_the_page_of_a_correction_says_how_many_have_a_copy(desk, issue):
    sent(issue, 5, uncertain=[1], failed=[2], skipped=[3])

    page = desk.get(reverse("admin:issue_correct", args=[issue.pk]))

    assert page.context["count"] == 3
    assert "At most 3 readers" in page.text


# --- Who gets the rest of an issue ---


def audience(desk, issue, segment=""):
    found = desk.get(reverse("admin:issue_send", args=[issue.pk]), {"segment": segment}).context["audience"]
    return found.readers, found.already_received, found.outside_segment


@pytest.fixture
def partly(issue):
    """An issue that five readers with a tag have; three others wait."""
    for _ in range(5):
        make_subscriber(tags="paid")
    sent(issue, 3, "+paid")
    return issue


def test_the_rest_is_who_has_no_copy(desk, partly):
    assert audience(desk, partly) == (3, 5, 0)
    assert audience(desk, partly, "-paid") == (3, 5, 0)
    assert audience(desk, partly, "+paid") == (0, 5, 3)


def test_who_has_a_copy_and_left_does_not_make_the_rest_smaller(desk, partly):
    left, barred = Subscriber.objects.tagged("paid").order_by("pk")[:2]
    left.unsubscribe(NOW)
    barred.suppress("bounced")

    assert audience(desk, partly) == (3, 3, 0)


def test_who_left_before_is_not_counted_as_one_who_had_it(desk, issue):
    make_subscriber(tags="paid", state=Subscriber.State.UNSUBSCRIBED, unsubscribed_at=NOW - timedelta(days=1))
    make_subscriber(tags="paid")
    sent(issue, 3, "+paid")

    assert audience(desk, issue) == (3, 1, 0)


def test_the_mailing_of_a_correction_counts_for_nobody(desk, issue):
    mailing = sent(issue, 2)
    correction = approving.schedule_correction(issue, note="錯了。", send_at=None, now=NOW, hold=timedelta())
    beginning.plan_mailing(correction, NOW)
    Mailing.objects.filter(pk=correction.pk).update(state=Mailing.State.SENT)

    assert copies_of(issue) == mailing.total
