"""How fast a lane may go. The lines by the real clock, so in places of hours: a busy machine is not that late."""

import itertools
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from itertools import count, pairwise
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.delivery import rate
from newsletter.delivery.ledger import claims
from newsletter.delivery.models import Batch, Delivery, Mailing, RateLimitState
from newsletter.delivery.provider.outcomes import ProviderUnavailable, SendOutcome, SendStatus
from newsletter.delivery.rate import (
    THROTTLING_REPLIES,
    RateLimiter,
    WarmUp,
    WarmUpPlan,
    count_today,
    daily_limit,
    days_needed,
    is_throttling,
    reserve,
    schedule_messages,
    slow_down,
    slowed_rate,
    uncount_today,
)
from newsletter.delivery.sending import lane
from newsletter.delivery.sending.couriers import SmtpCourier
from newsletter.mail.mailers import SendLimits
from tests.delivery.conftest import Provider

READER = "a@example.org"
TAIPEI = ZoneInfo("Asia/Taipei")

LATE = 60  # seconds that a machine may take for a test
HOUR = 3600.0
FOREVER = 1e9
P = "provider:bulk"


def shift(key, seconds, *fields):
    RateLimitState.objects.filter(key=key).update(**{field: F(field) + seconds for field in fields})


def test_places_stand_one_behind_the_other(db):
    waits = [reserve(P, {P: HOUR}, 1, FOREVER).wait for _ in range(4)]

    assert waits == pytest.approx([0, HOUR, 2 * HOUR, 3 * HOUR], abs=LATE)


def test_a_message_of_two_lines_waits_for_the_later_one_and_takes_the_same_place_on_both(db):
    reserve(P, {P: 0, "domain:a": 5 * HOUR}, 1, FOREVER)

    both = reserve(P, {P: HOUR, "domain:a": HOUR}, 1, FOREVER)
    behind = reserve(P, {P: HOUR}, 1, FOREVER)

    assert both.wait == pytest.approx(5 * HOUR, abs=LATE)
    assert behind.wait == pytest.approx(6 * HOUR, abs=LATE)


def test_a_place_too_far_away_is_not_taken_on_any_line(db):
    reserve(P, {P: 0, "domain:a": HOUR}, 1, FOREVER)

    refused = reserve(P, {P: HOUR, "domain:a": HOUR}, 1, 1)
    others = reserve(P, {P: HOUR}, 1, 1)

    assert refused.is_taken is False
    assert refused.wait == pytest.approx(HOUR, abs=LATE)
    assert (others.wait, others.is_taken) == (0, True)


def test_a_provider_without_a_limit_is_slowed_to_half_of_what_it_was_sent(db):
    reserve(P, {P: 0}, 100_000, FOREVER)

    pace = slow_down(P, None)

    assert pace <= 10_000  # 100,000 within five seconds, and less with each second since
    assert reserve(P, {P: 0}, 0, FOREVER).slowed == pytest.approx(pace, abs=pace * 0.1)


def test_a_provider_that_was_sent_nothing_worth_measuring_is_slowed_to_five_a_second(db):
    assert slow_down(P, None) == pytest.approx(5)


def test_a_provider_with_a_limit_is_slowed_to_half_of_it(db):
    reserve(P, {P: 0}, 10**9, FOREVER)

    assert slow_down(P, 200) == pytest.approx(100)


def test_many_complaints_at_once_halve_the_rate_once(db):
    assert {round(slow_down(P, 8)) for _ in range(5)} == {4}


def test_a_complaint_about_the_halved_rate_halves_it_again(db):
    slow_down(P, 8)
    shift(P, -11, "slowed_at")

    assert slow_down(P, 8) == pytest.approx(2, abs=0.5)


def test_however_many_complain_a_provider_is_not_given_up(db):
    for _ in range(20):
        slow_down(P, 8)
        shift(P, -11, "slowed_at")

    assert slow_down(P, 8) >= 8 / 64


def test_a_clock_set_back_does_not_keep_a_provider_slowed(db):
    slow_down(P, 8)
    shift(P, HOUR, "slowed_at", "taken_at")
    reserve(P, {P: 0}, 0, FOREVER)
    shift(P, -600, "slowed_at")

    assert reserve(P, {P: 0}, 0, FOREVER).slowed is None


# --- Any order of any requests ---

KEYS = count()
STEPS = st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 9), st.booleans()), max_size=25)
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)


@pytest.mark.django_db
@MANY
@given(STEPS)
def test_messages_of_a_line_are_never_closer_than_its_rate_allows(monkeypatch, steps):
    key, clock, left = f"provider:{next(KEYS)}", [1e6], []
    monkeypatch.setattr(rate, "_database_clock", lambda: clock[0])
    for passed, messages, is_patient in steps:
        clock[0] += abs(passed)
        turn = reserve(key, {key: messages / 2.0}, messages, FOREVER if is_patient else 1)
        if turn.is_taken:
            left += [clock[0] + turn.wait + number / 2.0 for number in range(messages)]

    assert all(later - earlier > 0.499 for earlier, later in pairwise(left))


@pytest.mark.django_db
@MANY
@given(STEPS)
def test_whatever_the_clock_does_nobody_waits_for_more_than_the_others_have_taken(monkeypatch, steps):
    key, clock, taken = f"provider:{next(KEYS)}", [1e6], 0.0
    monkeypatch.setattr(rate, "_database_clock", lambda: clock[0])
    for passed, messages, _is_patient in steps:
        clock[0] += passed * 1000
        assert reserve(key, {key: messages}, messages, FOREVER).wait <= taken + 0.001
        taken += messages


@given(st.floats(0.5, 1000), st.floats(0, 7200))
def test_a_slowed_rate_is_between_its_half_and_no_limit(former, seconds):
    line = RateLimitState(key="p")
    rate.halve_rate(line, 1e6, former)

    now = slowed_rate(line, 1e6 + seconds)

    assert (now is None) == (seconds >= 600) or seconds == pytest.approx(600)
    assert now is None or line.slowed_from / 2 <= now < line.slowed_from


# --- The day's count ---


@pytest.mark.django_db
def test_a_day_takes_no_more_than_its_ceiling():
    day = date(2026, 11, 3)

    assert [count_today(day, 80, 200) for _ in range(4)] == [80, 80, 40, 0]


@pytest.mark.django_db
def test_every_day_is_counted_from_nothing():
    count_today(date(2026, 11, 3), 200, 200)

    assert count_today(date(2026, 11, 4), 80, 300) == 80


@pytest.mark.django_db
def test_what_did_not_leave_is_free_again():
    day = date(2026, 11, 3)
    count_today(day, 200, 200)

    uncount_today(day, 30)

    assert count_today(day, 80, 200) == 30


# --- Warm-up ---


def test_the_first_days_begin_with_two_hundred_and_grow_by_a_half():
    assert [daily_limit(day) for day in (1, 2, 3, 4, 5)] == [200, 300, 450, 675, 1012]


def test_a_day_before_the_first_is_like_the_first():
    assert [daily_limit(0), daily_limit(-400)] == [200, 200]


def test_sixteen_days_are_enough_for_a_domain_to_be_known():
    assert daily_limit(16) == 87578
    assert daily_limit(17) is None
    assert daily_limit(10**9) is None


@given(st.integers(1, 400_000), st.integers(-3, 30))
def test_the_days_are_enough_and_not_one_too_many(readers, first):
    days = days_needed(readers, first)
    ceilings = [daily_limit(first + number) for number in range(days)]

    assert None in ceilings or sum(ceilings) >= readers
    assert None not in ceilings[:-1]
    assert sum(ceilings[:-1]) < readers


def test_a_day_is_the_publications_own():
    warm_up = WarmUp(date(2026, 11, 3), TAIPEI)
    before_midnight, after = datetime(2026, 11, 3, 15, 59, tzinfo=UTC), datetime(2026, 11, 3, 16, 0, tzinfo=UTC)

    assert (warm_up.day_number(before_midnight), warm_up.ceiling(before_midnight)) == (1, 200)
    assert (warm_up.day_number(after), warm_up.ceiling(after)) == (2, 300)


def test_it_goes_on_when_the_local_day_has_begun():
    warm_up = WarmUp(date(2026, 11, 3), TAIPEI)

    assert warm_up.resumes_at(datetime(2026, 11, 3, 4, 0, tzinfo=UTC)) == datetime(2026, 11, 3, 16, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("readers", "since", "spread"),
    [
        (10_000, date(2026, 11, 3), WarmUpPlan(9, 200, date(2026, 11, 11))),
        (501, date(2026, 11, 3), WarmUpPlan(3, 200, date(2026, 11, 5))),
        (500, date(2026, 11, 3), WarmUpPlan(2, 200, date(2026, 11, 4))),
        (500, date(2026, 11, 2), WarmUpPlan(2, 300, date(2026, 11, 4))),
        (200, date(2026, 11, 3), None),
        (0, date(2026, 11, 3), None),
        (10_000, date(2026, 1, 1), None),
    ],
)
def test_an_issue_is_spread_over_as_few_days_as_the_ceilings_allow(readers, since, spread):
    begins_at = datetime(2026, 11, 2, 23, 0, tzinfo=UTC)  # 07:00 on the third in Taipei

    assert WarmUp(since, TAIPEI).plan(readers, begins_at) == spread


def test_a_night_that_is_an_hour_longer_is_waited_for():
    berlin = WarmUp(date(2026, 10, 1), ZoneInfo("Europe/Berlin"))

    assert berlin.resumes_at(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == datetime(2026, 10, 25, 23, 1, tzinfo=UTC)


class Clock:
    """Every clock that a lane reads. Waiting moves it, and so does nothing else."""

    def __init__(self, monkeypatch):
        self.now = 1_000_000.0
        self.waits = []
        for name in ("time", "monotonic"):
            monkeypatch.setattr(time, name, lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    if connection.vendor == "postgresql":
        pytest.skip("there the server's clock counts, which no test moves")
    return Clock(monkeypatch)


def sent_at(clock, provider):
    """Return a list that gets the time of every message."""
    left = []
    provider.on_send = lambda row: left.append((row.email, round(clock.now - 1_000_000, 3)))
    return left


# --- When each message of a window may leave ---


def test_a_slow_domain_holds_up_those_behind_it():
    times, ends = schedule_messages([{"all": 10, "slow": 1}, {"all": 10}, {"all": 10, "slow": 1}, {"all": 10}])

    assert times == pytest.approx([0, 0.1, 1.0, 1.1])
    assert ends == pytest.approx({"all": 1.2, "slow": 2.0})


RATES = {"all": 7.0, "a": 3.0, "b": 0.5, "c": float("inf")}


@given(st.lists(st.sets(st.sampled_from(sorted(RATES)), max_size=4), max_size=30))
def test_no_line_is_ever_faster_than_its_rate(messages):
    times, ends = schedule_messages([{key: RATES[key] for key in keys} for keys in messages])

    assert times == sorted(times)
    for key, pace in RATES.items():
        own = [at for at, keys in zip(times, messages, strict=True) if key in keys]
        assert all(later - earlier >= 1 / pace - 1e-9 for earlier, later in itertools.pairwise(own))
        assert not own or ends[key] == own[-1] + 1 / pace


# --- How many rows are held ---


@pytest.mark.parametrize(("a_second", "window"), [(None, 100), (5000, 100), (500, 50), (14, 1), (0.5, 1)])
def test_a_window_is_a_tenth_of_a_second(a_second, window):
    assert RateLimiter(a_second).window_size(100) == window


def test_the_least_of_the_limits_counts():
    assert RateLimiter(500, limits=SendLimits(rate=200)).window_size(100) == 20
    assert RateLimiter(100, limits=SendLimits(rate=200)).window_size(100) == 10


@pytest.mark.django_db
def test_slow_domains_make_windows_small_and_fast_ones_let_them_grow(clock):
    rate_limiter = RateLimiter(None, limits=SendLimits(domain_rates={"slow.org": 1.0}))
    windows = []
    for _ in range(6):
        windows.append(rate_limiter.window_size(100))
        rate_limiter.reserve_times(["a@fast.org"] * windows[-1])
    rate_limiter.reserve_times(["a@slow.org"] * 10)

    assert windows == [1, 2, 4, 8, 16, 32]
    assert rate_limiter.window_size(100) == 1


# --- A lane keeps the limits ---


def test_a_lane_keeps_the_rate(make_mailing, run, clock):
    provider = Provider()
    left = sent_at(clock, provider)

    run(make_mailing("abcdef"), provider, rate_limiter=RateLimiter(2))

    assert [at for _email, at in left] == [0, 0.5, 1.0, 1.5, 2.0, 2.5]


def test_two_domains_have_a_line_each(make_mailing, run, clock):
    mailing = make_mailing("abcd")
    for row in mailing.deliveries.select_related("subscriber").order_by("seq"):
        row.subscriber.email = f"{row.seq}@{'Gmail.com' if row.seq % 2 else 'example.org'}"
        row.subscriber.save(update_fields=["email"])
    provider = Provider()
    left = sent_at(clock, provider)

    run(
        mailing, provider, rate_limiter=RateLimiter(None, limits=SendLimits(domain_rates={"gmail.com": 1.0, "*": 10.0}))
    )

    assert [at for _email, at in left] == pytest.approx([0, 0, 0.1, 1.0])


@pytest.mark.django_db
def test_a_lane_without_a_limit_asks_once_a_second(clock, monkeypatch):
    rate_limiter, asked = RateLimiter(None), []
    monkeypatch.setattr(rate, "reserve", lambda *request: asked.append(request[2]) or reserve(*request))
    for _ in range(10):
        assert rate_limiter.reserve_times([READER] * 10).times == [clock.now] * 10
        clock.now += 0.25

    assert asked == [10, 40, 40]  # every message is reported once


def test_a_reader_who_left_takes_no_place(make_mailing, run, clock):
    mailing = make_mailing("abc")
    mailing.deliveries.select_related("subscriber").get(seq=1).subscriber.unsubscribe(timezone.now())
    provider = Provider()
    left = sent_at(clock, provider)

    run(mailing, provider, rate_limiter=RateLimiter(2))

    assert [at for _email, at in left] == [0, 0.5]


def test_a_pause_ends_a_wait_within_two_seconds(make_mailing, run, clock):
    mailing, begun = make_mailing("ab"), []
    provider = Provider()
    provider.on_send = lambda _row: (mailing.pause(), begun.append(clock.now))

    run(mailing, provider, rate_limiter=RateLimiter(0.05))  # the second mail is twenty seconds away

    assert provider.accepted == ["a@example.org"]
    assert clock.now - begun[0] <= 2
    assert Batch.objects.get().state == Batch.State.OPEN


def test_a_worker_that_stops_does_not_wait_for_its_turn(make_mailing, run, clock):
    mailing, stopping = make_mailing("ab"), []
    provider = Provider()
    provider.on_send = stopping.append

    run(mailing, provider, rate_limiter=RateLimiter(0.05), is_stopping=lambda: bool(stopping))

    assert clock.waits == []
    assert mailing.deliveries.filter(state=Delivery.State.QUEUED).count() == 1


def test_a_lane_whose_life_is_shorter_than_the_distance_of_two_mails_gets_on_all_the_same(
    make_mailing, run, clock, monkeypatch
):
    monkeypatch.setattr(lane, "NAP_SECONDS", 5)  # it asks for a place after each nap
    mailing, provider = make_mailing("abc"), Provider()
    left = sent_at(clock, provider)

    for _ in range(8):  # of sixty seconds each
        run(mailing, provider, rate_limiter=RateLimiter(0.01))

    assert [at for _email, at in left] == pytest.approx([0, 100, 200])


def test_a_window_that_waits_keeps_its_lease(make_mailing, run, clock, monkeypatch):
    renewed = []
    renew = claims.renew_lease
    monkeypatch.setattr(claims, "renew_lease", lambda *about: renewed.append(clock.now) or renew(*about))

    run(make_mailing("ab"), Provider(), rate_limiter=RateLimiter(0.04))

    assert len(renewed) >= 2  # in twenty-five seconds
    assert max(later - earlier for earlier, later in itertools.pairwise(renewed)) < 11


def test_a_window_that_waits_ends_when_its_batch_was_taken_over(make_mailing, run, clock):
    mailing, provider = make_mailing("ab"), Provider()
    provider.on_send = lambda _row: Batch.objects.update(token=99)

    run(mailing, provider, rate_limiter=RateLimiter(0.02))

    assert provider.accepted == ["a@example.org"]


# --- A provider that asks for less ---


@pytest.mark.parametrize(
    "words",
    [
        "421 4.7.0 Try again later, closing connection",
        "421 too many connections",
        "450 4.7.1 Error: too much mail from 192.0.2.1",
        "451 4.7.650 The mail server has been temporarily rate limited",
        "429 Too Many Requests",
        "Postmark API response 429 (Too Many Requests)",
    ],
)
def test_these_words_ask_for_a_slower_pace(words):
    assert is_throttling(words)


@pytest.mark.parametrize(
    "words",
    [
        "450 4.2.2 mailbox full",
        "451 4.3.0 temporary failure",
        "451 4.7.1 Greylisting in action, please come back later",
        "550 5.7.1 429 messages are enough",
        "connection refused",
        "",
    ],
)
def test_these_words_do_not(words):
    assert not is_throttling(words)


def plead(rate_limiter, words):
    for _ in range(THROTTLING_REPLIES):
        rate_limiter.slow_down(words)


@pytest.mark.django_db
def test_a_plea_now_and_then_slows_nobody_down(clock):
    rate_limiter = RateLimiter(100)
    for _ in range(3 * THROTTLING_REPLIES):
        rate_limiter.slow_down("421 too many messages on this connection")
        clock.now += 6

    assert rate_limiter.slowed is None


@pytest.mark.django_db
def test_a_complaint_slows_every_worker_down_and_passes_by_itself(clock):
    here, there = RateLimiter(100), RateLimiter(100)
    for rate_limiter in (here, there):
        rate_limiter.reserve_times([READER])
    reserve("provider:bulk", {"provider:bulk": 0}, 10_000, 1)

    plead(here, "421 4.7.0 slow down")
    clock.now += 1
    there.reserve_times([READER])
    slowed_rate = (here.total_rate, there.total_rate)
    clock.now += 600
    there.reserve_times([READER])

    assert slowed_rate == pytest.approx((50, 50), rel=0.01)
    assert there.total_rate == 100


@pytest.mark.django_db
def test_an_unlimited_provider_is_unlimited_again_in_the_end(clock):
    rate_limiter = RateLimiter(None)
    rate_limiter.reserve_times([READER])
    plead(rate_limiter, "421 slow down")
    rates = [rate_limiter.total_rate]
    for _ in range(2):
        clock.now += 301
        rate_limiter.reserve_times([READER])
        rates.append(rate_limiter.total_rate)

    assert rates[:2] == pytest.approx([5, 7.5], rel=0.01)
    assert rates[2] == float("inf")


@pytest.mark.django_db
def test_other_words_slow_nobody_down(clock):
    rate_limiter = RateLimiter(None)

    plead(rate_limiter, "450 4.2.2 mailbox full")

    assert (rate_limiter.slowed, RateLimitState.objects.count()) == (None, 0)


@pytest.mark.parametrize(
    "answer",
    [ProviderUnavailable("421 4.7.0 too fast"), SendOutcome(SendStatus.DEFERRED, "450 4.7.1 rate limit exceeded")],
    ids=["the provider goes away", "a reader is deferred"],
)
def test_a_lane_slows_down_when_it_is_asked_to(answer, make_mailing, run):
    rate_limiter = RateLimiter(None)

    run(make_mailing("abc"), Provider(a=answer, b=answer, c=answer), rate_limiter=rate_limiter)

    assert rate_limiter.slowed == pytest.approx(5)
    assert RateLimitState.objects.get(key="provider:bulk").slowed_to == pytest.approx(5)


def test_a_server_that_ends_a_line_slows_the_lane_down_though_other_lines_are_left(make_mailing, run, bulk_smtp):
    mailing, rate_limiter = make_mailing("a"), RateLimiter(None)
    courier = SmtpCourier("bulk", mailing)
    run(mailing, courier, rate_limiter=rate_limiter)

    for _ in range(THROTTLING_REPLIES):
        courier.smtp.on_throttling("421 4.7.0 too many messages on this line")

    assert bulk_smtp.copies() == {"a@example.org": 1}
    assert rate_limiter.slowed == pytest.approx(5, rel=0.01)


# --- A new sender domain ---


@pytest.fixture
def today(monkeypatch):
    """The day, as a lane sees it."""

    class Today:
        now = datetime(2026, 11, 3, 4, 0, tzinfo=UTC)

    monkeypatch.setattr(rate.timezone, "now", lambda: Today.now)
    return Today


@pytest.fixture
def small_days(monkeypatch):
    monkeypatch.setattr("newsletter.delivery.rate.FIRST_DAY_MAILS", 2)


def warming(**options):
    return RateLimiter(None, warm_up=WarmUp(date(2026, 11, 3), TAIPEI), **options)


@pytest.mark.usefixtures("small_days")
def test_a_new_domain_sends_more_every_day_until_everybody_has_it(make_mailing, run, today):
    mailing, provider = make_mailing("abcdefghi"), Provider()
    sent = []
    for _day in range(3):
        run(mailing, provider, rate_limiter=warming())
        sent.append(len(provider.accepted))
        mailing.refresh_from_db()
        today.now = mailing.retry_at or today.now
    mailing.finish(today.now)

    assert sent == [2, 5, 9]
    assert (mailing.state, mailing.counts().sent, mailing.reason) == (Mailing.State.SENT, 9, "")


@pytest.mark.usefixtures("small_days")
def test_a_full_day_is_no_pause_and_says_when_it_goes_on(make_mailing, run, today):
    mailing = make_mailing("abc")

    run(mailing, Provider(), rate_limiter=warming())

    mailing.refresh_from_db()
    assert (mailing.state, mailing.reason) == (
        Mailing.State.SENDING,
        "Warming up: 2 mails today; goes on tomorrow.",
    )
    assert mailing.retry_at == datetime(2026, 11, 3, 16, 1, tzinfo=UTC)
    assert mailing.is_waiting(today.now)
    assert mailing.counts().queued == 1


@pytest.mark.usefixtures("small_days")
def test_a_day_that_is_over_before_its_last_answers_costs_no_second_one(make_mailing, run, today):
    today.now = datetime(2026, 11, 3, 15, 59, 59, tzinfo=UTC)
    rate_limiter = warming()
    rate_limiter.reserve_times(["a@example.org"] * 3)

    today.now = datetime(2026, 11, 3, 16, 0, 1, tzinfo=UTC)
    goes_on_at, _why = rate_limiter.daily_limit_wait(today.now)

    assert goes_on_at == datetime(2026, 11, 3, 16, 1, tzinfo=UTC)


@pytest.mark.usefixtures("today")
def test_a_place_that_was_not_used_counts_for_nobody(make_mailing, run, clock):
    provider, stopping = Provider(), []
    provider.window, provider.on_send = 3, stopping.append

    run(make_mailing("abc"), provider, rate_limiter=warming(), is_stopping=lambda: bool(stopping))

    assert RateLimitState.objects.get(key="warm-up").counted == 1


# --- Real processes ---

SENDER = """
import sys, time
from newsletter.delivery.rate import RateLimiter

log, left = sys.argv[1], int(sys.argv[2])
rate_limiter = RateLimiter(50)
while left:
    emails = ["a@example.org"] * min(left, rate_limiter.window_size(100))
    places = rate_limiter.reserve_times(emails)
    time.sleep(places.retry_in)
    for at in places.times:
        time.sleep(max(0, at - time.monotonic()))
        with open(log, "a") as file:
            file.write(f"{at} {time.monotonic()}\\n")
    left -= len(places.times)
"""
RATE, EACH, PROCESSES, WINDOW = 50, 40, 4, 5
JITTER_SECONDS = 0.25  # between the server's answer and the process that reads it, on a busy machine


@pytest.mark.exhaustive
@pytest.mark.servers
@pytest.mark.parametrize("server", ["SQLite", "PostgreSQL"])
def test_four_processes_together_never_exceed_the_rate(server, tmp_path, make_product, request):
    urls = {"database_url": request.getfixturevalue("migrated_postgres_url")} if server == "PostgreSQL" else {}
    product, program, log = make_product(**urls), tmp_path / "sender.py", tmp_path / "sent"
    program.write_text(SENDER)
    command = [sys.executable, str(program), str(log), str(EACH)]

    processes = [product._start(f"sender {number}", command) for number in range(PROCESSES)]
    try:
        codes = [process.wait(120) for process in processes]
    except subprocess.TimeoutExpired:
        pytest.fail(product.log_tails())

    assert codes == [0] * PROCESSES, product.log_tails()
    places, left = zip(*([float(at) for at in line.split()] for line in log.read_text().splitlines()), strict=True)
    assert len(left) == EACH * PROCESSES
    assert max(places) - min(places) >= (len(places) - 1) / RATE - JITTER_SECONDS
    assert most_in_a_second(places) <= RATE * (1 + JITTER_SECONDS) + 1
    # A process that was not given the processor catches up with a window of its own, not with more.
    assert most_in_a_second(left) <= RATE * (1 + JITTER_SECONDS) + PROCESSES * WINDOW


def most_in_a_second(times):
    return max(sum(begin <= at < begin + 1 for at in times) for begin in times)
