"""How many readers there are, and were."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from subscribers import tasks
from subscribers.models import DayCount, Movement, Subscriber, count_movements, count_readers
from tests.factories import make_publication, make_subscriber

pytestmark = pytest.mark.django_db
TAIPEI = ZoneInfo("Asia/Taipei")
NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 26)


def weeks_ago(number: int) -> datetime:
    return NOW - timedelta(weeks=number)


def test_the_tally_agrees_with_who_would_be_mailed():
    make_subscriber()
    make_subscriber(state=Subscriber.State.PAUSED, paused_until=NOW - timedelta(days=1))
    make_subscriber(state=Subscriber.State.PAUSED, paused_until=NOW + timedelta(days=1))
    make_subscriber(state=Subscriber.State.PENDING, confirmed_at=None)
    make_subscriber(state=Subscriber.State.UNSUBSCRIBED)
    make_subscriber().suppress("bounced")

    counted = count_readers(NOW)

    assert counted.mailable == Subscriber.objects.mailable(NOW).count() == 2
    assert (counted.pending, counted.paused, counted.unsubscribed, counted.suppressed) == (1, 1, 1, 1)


def test_a_later_count_leaves_what_was_kept_and_replaces_that_of_the_day():
    DayCount.objects.keep(NOW - timedelta(days=1), TAIPEI)
    DayCount.objects.keep(NOW, TAIPEI)
    make_subscriber(confirmed_at=weeks_ago(5))

    DayCount.objects.keep(NOW + timedelta(hours=1), TAIPEI)

    counts = dict(DayCount.objects.values_list("on", "readers"))
    assert counts[TODAY] == 1
    assert counts[TODAY - timedelta(days=1)] == 0


def test_a_week_without_a_count_has_that_of_the_last_day_before():
    DayCount.objects.create(on=TODAY - timedelta(days=16), readers=7)

    assert DayCount.objects.weekly(TODAY, 9)[-2:] == [(TODAY - timedelta(days=7), 7), (TODAY, 9)]


def test_without_any_count_there_is_today_alone():
    assert DayCount.objects.weekly(TODAY, 3) == [(TODAY, 3)]


def test_the_day_is_that_of_the_publications_own_calendar():
    make_publication(time_zone="Asia/Taipei")

    with time_machine.travel("2026-11-26 16:30+00:00", tick=False):
        tasks.count_readers()

    assert DayCount.objects.order_by("on").last().on == date(2026, 11, 27)


def test_who_came_and_left_is_counted_from_each_moment_on_and_before_the_next():
    for hours in (0, 1, 5):
        make_subscriber(confirmed_at=NOW + timedelta(hours=hours))
    make_subscriber(confirmed_at=NOW - timedelta(days=9), state="unsubscribed", unsubscribed_at=NOW)
    times = [(NOW, NOW + timedelta(hours=1)), (NOW + timedelta(hours=1), NOW + timedelta(hours=9))]

    assert count_movements(times) == [Movement(came=1, left=1), Movement(came=2, left=0)]
    assert count_movements([]) == []
