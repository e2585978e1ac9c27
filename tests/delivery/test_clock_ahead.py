"""A wait that a clock wrote which was ahead for a moment holds nobody up; a rightful one stays."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from newsletter.delivery.ledger import recovery
from newsletter.delivery.ledger.claims import LEASE
from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.models.deliveries import RETRY_AFTER
from newsletter.delivery.planning import beginning
from subscribers.models.mails import take_from_budget
from tests.factories import make_issue, make_publication

NOW = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
AHEAD = timedelta(days=3)

pytestmark = pytest.mark.django_db


def make_mailing(**fields) -> Mailing:
    row = {"issue": make_issue(), "subject": "s", "sender_email": "g@example.org", "send_at": NOW, "approved_at": NOW}
    return Mailing.objects.create(**row | fields)


def make_batch(**fields) -> Batch:
    return Batch.objects.create(mailing=make_mailing(), no=1, lo=1, hi=3, cursor=1, **fields)


@pytest.mark.parametrize(("waits", "is_ready"), [(AHEAD, True), (timedelta(hours=24), False), (timedelta(), True)])
def test_a_mailing_that_waits_for_its_provider_goes_on(waits, is_ready):
    batch = make_batch()
    Mailing.objects.filter(pk=batch.mailing_id).update(state=Mailing.State.SENDING, retry_at=NOW + waits)

    assert Mailing.objects.ready(NOW).exists() is is_ready
    assert Mailing.objects.get().is_waiting(NOW) is not is_ready


@pytest.mark.parametrize(("waits", "is_ready"), [(AHEAD, True), (max(RETRY_AFTER), False), (timedelta(), True)])
def test_a_batch_that_waits_for_its_next_pass_is_taken_up(waits, is_ready):
    make_batch(not_before=NOW + waits)

    assert Batch.objects.ready(NOW).exists() is is_ready


def test_a_lease_of_the_future_ends_in_time_and_a_rightful_one_stays():
    now = timezone.now()
    ahead = make_batch(state=Batch.State.LEASED, worker="elsewhere/0", lease_until=now + AHEAD)
    other = Batch.objects.create(
        mailing=ahead.mailing, no=2, lo=3, hi=5, cursor=3, state=Batch.State.LEASED, lease_until=now + LEASE
    )

    recovery.sweep(0)

    ahead.refresh_from_db()
    other.refresh_from_db()
    assert now < ahead.lease_until <= now + timedelta(minutes=2)
    assert other.lease_until == now + LEASE


@pytest.mark.parametrize(
    ("chosen", "begins_in"),
    [(timedelta(minutes=10), timedelta(minutes=10)), (timedelta(days=9), AHEAD + timedelta(days=9))],
)
def test_an_issue_approved_for_now_begins_after_its_hold_and_a_slot_stays_a_slot(chosen, begins_in):
    make_publication(hold_minutes=10)
    then = NOW + AHEAD
    mailing = make_mailing(state=Mailing.State.SCHEDULED, approved_at=then, send_at=then + chosen)

    beginning.begin_due(NOW)

    mailing.refresh_from_db()
    assert mailing.send_at == NOW + begins_in


def test_a_mailbox_is_not_closed_for_days_because_of_mails_of_the_future():
    for _mail in range(3):
        take_from_budget("ada@example.org", NOW + AHEAD)

    assert [take_from_budget("ada@example.org", NOW) for _mail in range(4)] == [True, True, True, False]
