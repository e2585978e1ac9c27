"""Packing beside other workers, and of mailings that one test alone asks for.

The tests of test_compaction.py share a mailing in a transaction, which another connection does not see.
"""

import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from newsletter.delivery import tasks
from newsletter.delivery.events import suppressing
from newsletter.delivery.ledger import breakdown, compaction
from newsletter.delivery.models import Batch, Delivery, Pack
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.provider.outcomes import Answer, Outcome
from subscribers.models import Subscriber
from tests.delivery.conftest import NOW
from tests.delivery.ledger.closed import (
    LATER,
    close_one,
    emails,
    kept,
    over,
    pack_all,
    reader,
    rows,
    small_batches,
)
from tests.factories import finish_batches, make_issue, make_post, make_subscriber

State = Delivery.State


@pytest.fixture(autouse=True)
def _small_batches():
    with small_batches():
        yield


@pytest.fixture
def closed(db, run):
    return close_one(run)


def test_a_cancelled_mailing_is_packed_too(make_mailing):
    mailing = make_mailing("abc")
    mailing.cancel(NOW)
    tasks.recovery.settle_cancelled()
    breakdown.count_one(NOW)

    assert pack_all() == 3
    assert {row[6] for row in kept(mailing)} == {"the mailing was cancelled"}


def test_the_rest_of_an_issue_goes_to_nobody_who_has_a_packed_copy(make_mailing, issue):
    first = make_mailing("abc")
    first.deliveries.filter(seq=0).update(state=State.SENT)
    finish_batches(first, state=Batch.State.OPEN)
    first.cancel(NOW)
    tasks.recovery.settle_cancelled()
    breakdown.count_one(NOW)
    assert pack_all() == 3
    rest = approving.approve(issue, send_at=None, now=LATER, hold=timedelta())

    beginning.begin_due(LATER)

    assert emails(rest) == ["b@example.org", "c@example.org"]


def test_three_refusals_in_a_row_count_packed_ones(publication, run):
    """Once in a while: an issue every 60 days."""
    make_subscriber("b@example.org")
    make_subscriber("a@example.org")
    full = Outcome(Answer.FAILED, "552 5.2.2 mailbox full")
    for number in range(3):
        at = NOW + timedelta(days=60 * number)
        issue = make_issue(make_post(), number=20 + number)
        mailing = approving.approve(issue, send_at=None, now=at, hold=timedelta())
        beginning.plan(mailing, at)
        over(mailing, run, at=at, b=full)
        suppressing.settle(at)
        pack_all(at)

    assert Pack.objects.exists()
    assert Subscriber.objects.mailable(at).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_pack_each_copy_once(closed):
    before, done = rows(closed), []

    def work():
        try:
            done.append(compaction.pack_some(LATER, 60))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()

    assert sum(done) == 5
    assert [row[:4] for row in kept(closed)] == [row[:4] for row in before]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["pack", "erase"])
def test_erased_in_the_moment_of_packing(closed, first):
    """Whichever commits first: no pack holds his number in the end."""
    number = reader("a").pk
    steps = {"pack": lambda: compaction.pack_some(LATER, 60), "erase": reader("a").erase}
    order = [first, *(steps.keys() - {first})]

    def run_in_thread(step):
        def work():
            try:
                step()
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    for thread in [run_in_thread(steps[name]) for name in order]:
        thread.join()
    compaction.forget_some(60)

    assert closed.packs.count() == 3
    assert number not in {row[1] for row in kept(closed)}


@pytest.mark.django_db(transaction=True)
def test_the_migration_looks_at_no_copy_and_writes_no_table_anew(capsys):
    call_command("sqlmigrate", "delivery", "0017")
    statements = capsys.readouterr().out

    assert "delivery_delivery" not in statements
    assert "new__" not in statements
