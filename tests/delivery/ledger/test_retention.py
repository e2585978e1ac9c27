"""Copies of mailings that were closed long ago are deleted if so set; then nobody is ever mailed by them."""

from datetime import timedelta

import pytest

from newsletter.delivery import tasks
from newsletter.delivery.ledger import breakdown, retention
from newsletter.delivery.models import Breakdown, Delivery, Mailing, Refusal
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.planning.approving import PlanningError, can_be_corrected
from newsletter.delivery.provider.outcomes import SendOutcome, SendStatus
from subscribers.models import Forgotten, Subscriber
from tests.delivery.conftest import NOW, Provider

DAYS = 100
LATER = NOW + timedelta(days=DAYS)
REFUSED = SendOutcome(SendStatus.FAILED, "550 5.7.1 <b@example.org>: not wanted here")
SILENCE = SendOutcome(SendStatus.UNCERTAIN, "no answer after the final dot")
GONE = "The list of who got issue 7 was deleted, as KEEP_DELIVERIES_DAYS says. It is not mailed again."


@pytest.fixture(autouse=True)
def _kept_for_a_hundred_days(settings):
    settings.KEEP_DELIVERIES_DAYS = DAYS


@pytest.fixture
def closed(make_mailing, run):
    """A mailing that is over and counted: a and c have it, b's mail server refused it."""
    mailing = make_mailing("abc")
    run(mailing, Provider(b=REFUSED))
    assert mailing.finish(NOW)
    assert breakdown.count_next_mailing(NOW)
    return mailing


def test_only_counts_are_kept_of_a_mailing_that_is_old(closed):
    before = closed.counts(), Breakdown.objects.get().by_domain

    deleted = retention.delete_old_batches(LATER, 60)

    closed.refresh_from_db()
    assert (deleted, closed.deliveries.count(), closed.copies_deleted_at) == (3, 0, LATER)
    assert (closed.counts(), Breakdown.objects.get().by_domain) == before


def test_as_it_comes_copies_are_kept_for_ever(closed, settings):
    settings.KEEP_DELIVERIES_DAYS = None

    assert retention.delete_old_batches(NOW + timedelta(days=9999), 60) == 0


def test_copies_are_kept_while_the_author_has_to_decide_about_one(make_mailing, run):
    mailing = make_mailing("abc")
    run(mailing, Provider(b=SILENCE))
    mailing.finish(NOW)
    breakdown.count_next_mailing(NOW)

    assert retention.delete_old_batches(LATER, 60) == 0


def test_copies_are_kept_while_a_refusal_waits_to_be_judged(closed):
    Refusal.objects.all().delete()
    Refusal.objects.create(
        mailing=closed, seq=1, subscriber=Subscriber.objects.get(email="b@example.org"), verdict="dead", at=NOW
    )

    assert retention.delete_old_batches(LATER, 60) == 0


def test_copies_are_kept_beside_another_mailing_of_the_issue(closed, issue):
    approving.schedule_correction(issue, note="第二段寫錯了。", send_at=None, now=LATER, hold=timedelta())

    assert retention.delete_old_batches(LATER, 60) == 0


def test_what_was_begun_is_gone_on_with(closed):
    Mailing.objects.update(copies_deleted_at=LATER)  # killed before the first of them was

    assert retention.delete_old_batches(LATER, 60) == 3


def test_an_issue_whose_copies_are_gone_is_never_approved_again(closed, issue):
    retention.delete_old_batches(LATER, 60)
    Mailing.objects.update(state=Mailing.State.CANCELLED)  # else it was sent to all, which says enough

    with pytest.raises(PlanningError, match=GONE):
        approving.approve(issue, send_at=None, now=LATER, hold=timedelta())


def test_an_issue_whose_copies_are_gone_is_not_corrected(closed, issue):
    retention.delete_old_batches(LATER, 60)

    assert not can_be_corrected(issue)
    with pytest.raises(PlanningError, match=GONE):
        approving.schedule_correction(issue, note="第二段寫錯了。", send_at=None, now=LATER, hold=timedelta())


def test_a_mailing_that_was_scheduled_before_its_issues_copies_were_gone_reaches_nobody(closed, issue):
    rest = approving.schedule_correction(issue, note="第二段寫錯了。", send_at=None, now=LATER, hold=timedelta())
    Mailing.objects.filter(pk=closed.pk).update(copies_deleted_at=LATER)
    Delivery.objects.all().delete()

    is_planned, begun = beginning.plan_mailing(rest, LATER), beginning.begin_due(LATER)

    rest.refresh_from_db()
    assert (is_planned, begun, rest.state, rest.reason) == (False, [], Mailing.State.PAUSED, GONE)
    assert not Delivery.objects.exists()


def test_words_of_a_server_name_no_reader_who_was_erased(closed):
    Subscriber.objects.get(email="b@example.org").erase()

    copy = closed.deliveries.get(seq=1)
    assert (copy.subscriber, copy.reply) == (None, "550 5.7.1 <•••@•••>: not wanted here")


def test_the_beat_task_deletes_and_forgets(closed, settings):
    Mailing.objects.update(finished_at=NOW - timedelta(days=9999))
    Subscriber.objects.get(email="c@example.org").erase()

    tasks.delete_old_copies()

    assert not Delivery.objects.exists()
    assert not Forgotten.objects.exists()
