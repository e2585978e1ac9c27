import multiprocessing
import os
import signal
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from newsletter.delivery import copies, ledger, recovery
from newsletter.delivery.ledger import Result, claim, intend, record
from newsletter.delivery.models import Batch, Delivery, Mailing
from newsletter.delivery.recorder import Mark, Recorder
from tests.delivery.conftest import NOW, Provider

SENT, QUEUED, UNCERTAIN, SKIPPED = (
    Delivery.State.SENT,
    Delivery.State.QUEUED,
    Delivery.State.UNCERTAIN,
    Delivery.State.SKIPPED,
)


@pytest.fixture(autouse=True)
def _own_locks(settings, tmp_path):
    settings.LOCK_DIR = tmp_path / "locks"


def states(mailing):
    return list(mailing.deliveries.order_by("seq").values_list("state", flat=True))


def lease_is_over_for(seconds):
    """Have the database's clock go on: for all it knows, nobody has renewed a lease since."""
    Batch.objects.update(lease_until=Now() - timedelta(seconds=seconds))


def in_the_middle(mailing, worker):
    """One row is answered, the next is handed over, and then nothing more is heard of the worker."""
    batch = claim(mailing, worker, NOW)
    intend(batch, [], 1, NOW)
    intend(batch, [Result(0, SENT)], 1, NOW)
    return batch


def test_a_slot_is_held_by_one():
    with recovery.slot(0) as mine, recovery.slot(0) as others, recovery.slot(1) as second:
        assert mine == f"{recovery.machine()}/0/"
        assert others is None
        assert second == f"{recovery.machine()}/1/"


def test_a_slot_is_free_again_afterwards():
    with recovery.slot(0):
        pass

    with recovery.slot(0) as worker:
        assert worker


def test_a_machine_keeps_its_name(settings):
    assert recovery.machine() == recovery.machine()
    assert (settings.LOCK_DIR / "machine").read_text() == recovery.machine()


def test_the_row_of_the_open_window_is_uncertain_the_rest_is_queued(make_mailing):
    mailing = make_mailing("abcd")
    in_the_middle(mailing, f"{recovery.machine()}/0/x")

    recovered = recovery.sweep(slots=1)

    assert recovered == 1
    assert states(mailing) == [SENT, UNCERTAIN, QUEUED, QUEUED]
    counts = mailing.counts()
    assert (counts.sent, counts.uncertain, counts.queued, counts.sending) == (1, 1, 2, 0)


def test_after_recovery_the_rest_goes_out_and_nobody_twice(make_mailing, run):
    mailing, provider = make_mailing("abcd"), Provider()
    in_the_middle(mailing, f"{recovery.machine()}/0/x")
    recovery.sweep(slots=1)

    run(mailing, provider)

    assert provider.accepted == ["c@example.org", "d@example.org"]
    assert states(mailing) == [SENT, UNCERTAIN, SENT, SENT]


def test_the_flight_recorder_tells_row_by_row(make_mailing):
    mailing = make_mailing("abcdefg")
    batch = claim(mailing, f"{recovery.machine()}/0/x", NOW)
    with Recorder(recovery.flight(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        intend(batch, [], 6, NOW)
        for seq, mark in enumerate([Mark.SENT, Mark.FAILED, Mark.DEFERRED, Mark.HANDED_OVER, Mark.UNCERTAIN]):
            flight.mark(seq, mark)

    recovery.sweep(slots=1)

    assert states(mailing) == [
        SENT,
        Delivery.State.FAILED,
        Delivery.State.DEFERRED,
        UNCERTAIN,
        UNCERTAIN,
        QUEUED,
        QUEUED,
    ]
    counts = mailing.counts()
    assert (counts.sent, counts.failed, counts.uncertain, counts.queued, counts.sending) == (1, 1, 2, 3, 0)


def test_rows_that_never_left_are_sent_by_the_next_lane(make_mailing, run):
    mailing, provider = make_mailing("abcd"), Provider()
    batch = claim(mailing, f"{recovery.machine()}/0/x", NOW)
    with Recorder(recovery.flight(0)) as flight:
        flight.begin(batch.pk, batch.token, lo=batch.lo, hi=batch.hi)
        intend(batch, [], 4, NOW)
        flight.mark(0, Mark.SENT)
        flight.mark(2, Mark.HANDED_OVER)
    recovery.sweep(slots=1)

    run(mailing, provider)

    assert provider.accepted == ["b@example.org", "d@example.org"]
    assert states(mailing) == [SENT, SENT, UNCERTAIN, SENT]


def test_a_record_of_an_earlier_holding_says_nothing_about_this_one(make_mailing):
    mailing = make_mailing("ab")
    batch = claim(mailing, f"{recovery.machine()}/0/x", NOW)
    with Recorder(recovery.flight(0)) as flight:
        flight.begin(batch.pk, batch.token - 1, lo=batch.lo, hi=batch.hi)
    intend(batch, [], 1, NOW)

    recovery.sweep(slots=1)

    assert states(mailing) == [UNCERTAIN, QUEUED]


def test_a_lease_is_a_matter_of_the_databases_clock(make_mailing, time_machine):
    """A machine whose clock is ahead takes nobody's lease for over, and gives none that lasts longer."""
    mailing = make_mailing("abcd")
    time_machine.move_to(timezone.now() + timedelta(days=1))

    in_the_middle(mailing, "another/0/x")

    assert recovery.sweep(slots=1) == 0
    in_a_minute = Batch.objects.filter(lease_until__lt=Now() + timedelta(minutes=1), lease_until__gt=Now())
    assert in_a_minute.count() == 1


def test_a_renewed_lease_is_one_by_the_databases_clock_too(make_mailing):
    batch = in_the_middle(make_mailing("abcd"), "another/0/x")
    lease_is_over_for(60)

    ledger.renew(batch)

    assert recovery.sweep(slots=1) == 0


def test_a_living_owner_is_left_alone(make_mailing):
    mailing = make_mailing("abcd")
    in_the_middle(mailing, f"{recovery.machine()}/0/x")
    lease_is_over_for(659)

    with recovery.slot(0):
        assert recovery.sweep(slots=1) == 0

    assert states(mailing) == [SENT, QUEUED, QUEUED, QUEUED]


def test_a_living_owner_without_a_recorder_that_hangs_for_longer_than_any_reply_may_take_is_given_up(make_mailing):
    mailing = make_mailing("abcd")
    in_the_middle(mailing, f"{recovery.machine()}/0/x")

    with recovery.slot(0):
        lease_is_over_for(659)
        assert recovery.sweep(slots=1) == 0
        lease_is_over_for(661)
        assert recovery.sweep(slots=1) == 1

    assert states(mailing) == [SENT, UNCERTAIN, QUEUED, QUEUED]


def test_an_owner_elsewhere_is_dead_when_its_own_machine_has_had_time_to_tell(make_mailing):
    mailing = make_mailing("abcd")
    in_the_middle(mailing, "another/0/x")

    lease_is_over_for(44)
    assert recovery.sweep(slots=1) == 0
    lease_is_over_for(46)
    assert recovery.sweep(slots=1) == 1

    assert states(mailing) == [SENT, UNCERTAIN, QUEUED, QUEUED]


def test_recovery_happens_once(make_mailing):
    batch = in_the_middle(make_mailing("abcd"), "another/0/x")

    assert recovery.recover(batch, None) is True
    assert recovery.recover(batch, None) is False


def test_in_a_retry_pass_only_the_open_row_becomes_uncertain(make_mailing):
    mailing = make_mailing("abcd")
    mailing.deliveries.filter(seq__in=[0, 1, 3]).update(state=Delivery.State.DEFERRED, attempts=1)
    mailing.deliveries.filter(seq=2).update(state=SENT, attempts=1)
    Batch.objects.update(pass_no=2, sent=1)
    batch = claim(mailing, "another/0/x", NOW)
    intend(batch, [], 1, NOW)

    recovery.recover(batch, None)

    assert states(mailing) == [UNCERTAIN, Delivery.State.DEFERRED, SENT, Delivery.State.DEFERRED]


def test_a_worker_that_comes_back_late_sends_nothing_and_tells_what_it_knows(make_mailing):
    mailing = make_mailing("abcd")
    batch = in_the_middle(mailing, "another/0/x")
    recovery.recover(batch, None)

    record(batch, [Result(1, SENT, "250 ok")])

    assert states(mailing) == [SENT, SENT, QUEUED, QUEUED]
    assert mailing.counts().uncertain == 0


def test_a_cancelled_mailing_skips_the_rest_once_nobody_holds_it(make_mailing):
    mailing = make_mailing("abcd")
    batch = in_the_middle(mailing, "another/0/x")
    mailing.cancel(NOW)

    recovery.settle_cancelled()
    assert states(mailing) == [SENT, QUEUED, QUEUED, QUEUED]

    recovery.recover(batch, None)
    recovery.settle_cancelled()
    assert states(mailing) == [SENT, UNCERTAIN, SKIPPED, SKIPPED]
    counts = mailing.counts()
    assert (counts.sent, counts.uncertain, counts.skipped, counts.queued) == (1, 1, 2, 0)


def _hold(folder, ready):
    from django.conf import settings  # in the child

    settings.LOCK_DIR = folder
    with recovery.slot(0):
        ready.set()
        signal.pause()


def test_the_kernel_frees_the_slot_of_a_killed_process(settings):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(settings.LOCK_DIR, ready))
    holder.start()
    assert ready.wait(10)
    with recovery.slot(0) as worker:
        assert worker is None

    os.kill(holder.pid, signal.SIGKILL)
    holder.join(10)

    with recovery.slot(0) as worker:
        assert worker


def thawed_too_late(mailing):
    """Return the batch of a lane that was taken for dead with one row on the wire; the mailing was closed since."""
    batch = ledger.claim(mailing, "elsewhere/0/x", NOW)
    ledger.intend(batch, [], 1, NOW)
    lease_is_over_for(60)
    recovery.sweep(slots=0)
    rest = ledger.claim(mailing, "elsewhere/1/y", NOW)
    rows = ledger.intend(rest, [], 5, NOW)
    ledger.close(rest, [Result(row.seq, Delivery.State.SENT, "250 ok") for row in rows], NOW)
    assert mailing.finish(NOW)
    return batch


def test_a_reader_who_was_put_off_by_a_late_answer_is_not_forgotten(make_mailing):
    mailing = make_mailing("abc")
    batch = thawed_too_late(mailing)
    assert mailing.counts().uncertain == 1

    ledger.record(batch, [Result(0, Delivery.State.DEFERRED, "451 later")])
    recovery.reopen(NOW)

    mailing.refresh_from_db()
    counts = mailing.counts()
    assert (mailing.state, counts.queued, counts.uncertain, counts.failed) == (Mailing.State.SENDING, 1, 0, 0)
    again = ledger.claim(mailing, "elsewhere/2/z", timezone.now() + timedelta(minutes=2))
    assert [row.seq for row in ledger.intend(again, [], 5, NOW)] == [0]


def test_a_late_answer_does_not_open_a_mailing_beside_its_successor(make_mailing):
    mailing = make_mailing("abc")
    batch = thawed_too_late(mailing)
    fields = ("approved_at", "send_at", "sender_name", "sender_email", "subject", "html", "text", "content_hash")
    values = {name: getattr(mailing, name) for name in fields}
    successor = Mailing.objects.create(issue=mailing.issue, number=2, state=Mailing.State.PAUSED, **values)

    ledger.record(batch, [Result(0, Delivery.State.DEFERRED, "451 later")])
    recovery.reopen(NOW)
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENT

    Mailing.objects.filter(pk=successor.pk).update(state=Mailing.State.SENT)
    recovery.reopen(NOW)
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SENDING


def test_a_late_answer_in_a_cancelled_mailing_settles_as_skipped(make_mailing):
    mailing = make_mailing("a")
    batch = ledger.claim(mailing, "elsewhere/0/x", NOW)
    ledger.intend(batch, [], 1, NOW)
    mailing.cancel(NOW)
    lease_is_over_for(60)
    recovery.sweep(slots=0)
    recovery.settle_cancelled()

    ledger.record(batch, [Result(0, Delivery.State.DEFERRED, "451 later")])
    recovery.settle_cancelled()

    assert (mailing.counts().skipped, mailing.counts().queued) == (1, 0)


def test_after_the_last_pass_a_late_answer_is_the_last_word(make_mailing):
    mailing = make_mailing("ab")
    Batch.objects.update(pass_no=len(copies.RETRY_AFTER) + 1)
    batch = thawed_too_late(mailing)

    ledger.record(batch, [Result(0, Delivery.State.DEFERRED, "451 later")])

    assert (mailing.counts().failed, mailing.counts().queued) == (1, 0)
