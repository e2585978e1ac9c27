"""A disk that was rolled back while a mailing was due: nothing proves it but an old sign of life."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from newsletter.delivery import lane_process
from newsletter.delivery.author import reminders
from newsletter.delivery.ledger import downtime, restore_detection
from newsletter.delivery.models import LedgerPlace, Mailing, Reminder
from newsletter.delivery.models.deliveries import Restoration
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.tasks import dispatch
from newsletter.publication.models import Publication
from tests.delivery.conftest import make_seventh_issue
from tests.factories import make_subscriber

State = Mailing.State
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
pytestmark = pytest.mark.django_db(transaction=True)  # SQLite changes its durability outside of transactions only


@pytest.fixture(autouse=True)
def _running(publication, settings, tmp_path, monkeypatch):
    """The ledger has its place, and a worker looks after it."""
    settings.DATA_DIR, settings.LOCK_DIR = tmp_path, tmp_path / "locks"
    monkeypatch.setattr(dispatch, "apply_async", lambda *_args, **_options: None)
    restore_detection.detect_restore(timezone.now())
    downtime.keep_watch(timezone.now())


@pytest.fixture
def scheduled(bulk_smtp):
    """Return a function that approves an issue a day ago, for a time from now, to four readers."""

    def schedule(after: timedelta) -> Mailing:
        for name in "abcd":
            make_subscriber(f"{name}@example.org")
        now = timezone.now()
        return approving.approve(make_seventh_issue(), send_at=now + after, now=now - DAY, hold=timedelta())

    return schedule


def nothing_ran_for(time: timedelta) -> None:
    LedgerPlace.objects.update(seen_at=Now() - time)


def start() -> None:
    """As `up`: look for a restore, then work."""
    restore_detection.detect_restore(timezone.now())
    work()


def work() -> None:
    dispatch()
    lane_process.run_lane(0)
    dispatch()


def state_of(mailing: Mailing) -> str:
    mailing.refresh_from_db()
    return mailing.state


@pytest.mark.parametrize("begin", [start, work], ids=["a start", "a machine that goes on"])
def test_what_was_due_in_a_downtime_waits_for_its_author_and_goes_on_by_one_press(scheduled, bulk_smtp, begin):
    mailing = scheduled(-HOUR)
    nothing_ran_for(timedelta(hours=9))

    begin()

    assert state_of(mailing) == State.PAUSED
    assert mailing.paused_by == Mailing.Cause.DOWNTIME
    assert "readers may have this issue already, though none is known here" in mailing.reason
    assert not Restoration.objects.exists(), "nothing else waits"
    assert mailing.resume(timezone.now(), timedelta())
    start()
    assert state_of(mailing) == State.SENT
    assert bulk_smtp.copies_per_reader() == {1}


@pytest.fixture
def under_way(scheduled):
    mailing = scheduled(-3 * HOUR)
    assert beginning.plan_mailing(mailing, timezone.now() - 2 * HOUR)
    return mailing


def test_what_was_under_way_before_a_start_waits_and_says_what_is_known(under_way, bulk_smtp):
    mailing = under_way
    batch = mailing.batches.get()
    mailing.deliveries.filter(seq=0).update(state=1)
    mailing.batches.update(cursor=batch.lo + 1, sent=1)
    nothing_ran_for(HOUR)

    start()

    assert state_of(mailing) == State.PAUSED
    assert "more readers may have this issue than the 1 known here" in mailing.reason
    assert mailing.cancel(timezone.now())
    start()
    assert not bulk_smtp.copies(), "nobody else gets it"


def test_a_clock_that_jumps_stops_nothing_that_is_under_way(under_way):
    nothing_ran_for(HOUR)

    work()

    assert state_of(under_way) == State.SENT


def test_half_an_hour_without_a_worker_asks_nothing(scheduled):
    mailing = scheduled(-HOUR)
    nothing_ran_for(timedelta(minutes=29))

    start()

    assert state_of(mailing) == State.SENT


def test_a_downtime_before_its_time_asks_nothing(scheduled):
    mailing = scheduled(DAY)
    nothing_ran_for(timedelta(days=3))

    start()

    assert state_of(mailing) == State.SCHEDULED


def test_a_mailing_that_was_approved_in_the_downtime_is_sent_when_a_worker_comes(scheduled):
    mailing = scheduled(-HOUR)
    mailing.pause(cause=Mailing.Cause.AUTHOR)
    nothing_ran_for(timedelta(days=3))
    assert mailing.resume(timezone.now(), timedelta())

    start()

    assert state_of(mailing) == State.SENT


def test_a_letter_that_would_have_left_unanswered_in_a_downtime_has_missed_its_slot(publication):
    Publication.objects.filter(pk=1).update(unapproved=Publication.Unapproved.GO)
    now = timezone.now()
    letter = Reminder.objects.create(
        kind=Reminder.Kind.LETTER, slot_at=now - HOUR, issue=make_seventh_issue(), at=now - DAY
    )
    nothing_ran_for(2 * HOUR)

    start()

    missed = Reminder.objects.get(kind=Reminder.Kind.MISSED)
    assert (missed.slot_at, missed.reason) == (letter.slot_at, Reminder.Reason.DOWN)
    assert reminders.send_unanswered(now) == 0


def test_a_sign_of_life_is_written_once_a_minute_and_one_of_a_clock_that_was_ahead_is_replaced(
    django_assert_num_queries,
):
    with django_assert_num_queries(1):
        downtime.keep_watch(timezone.now())
    nothing_ran_for(-timedelta(days=400))

    downtime.keep_watch(timezone.now())

    assert abs(LedgerPlace.objects.get().seen_at - timezone.now()) < HOUR
