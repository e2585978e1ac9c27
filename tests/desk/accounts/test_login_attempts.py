"""Failed logins: how they are counted, and what is refused."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import aauthenticate, authenticate, get_backends
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import RequestFactory
from django.utils.module_loading import import_string

from newsletter.desk.accounts import login_attempts
from newsletter.desk.models import FailureCount
from newsletter.desk.passwords import LENGTH_MAX, CountingBackend
from tests.support.event_loops import run_coroutine

pytestmark = pytest.mark.django_db
RIGHT = {"username": "gipi", "password": "leverage-2026"}
WRONG = {"username": "gipi", "password": "wrong"}


def caller(address="203.0.113.7"):
    return RequestFactory().post("/admin/login/", REMOTE_ADDR=address)


def fail(times, *, name="gipi", address="203.0.113.7"):
    for _ in range(times):
        login_attempts.record_failure(caller(address), name, "password")


# --- On whom they are counted ---


@pytest.mark.parametrize(
    "typed",
    ["chief", "ｃｈｉｅｆ", "CHIEF", "Chief", " chief\u3000", "𝒸𝒽𝒾ℯ𝒻", "ⓒⓗⓘⓔⓕ", "chie\uff46", "ｃhief"],
)
def test_look_alikes_are_one_name(typed):
    assert login_attempts.fold_name(typed) == "chief"


def test_ten_failures_on_a_name_shut_it_for_everybody():
    for last in range(10):
        fail(1, address=f"192.0.2.{last}")

    assert 590 <= login_attempts.locked_seconds(caller("198.51.100.1"), "gipi") <= 600
    assert login_attempts.locked_seconds(caller("198.51.100.1"), "editor") == 0


def test_ten_failures_of_an_address_shut_it_for_every_name():
    for number in range(10):
        fail(1, name=f"name{number}")

    assert login_attempts.locked_seconds(caller(), "gipi") > 0
    assert login_attempts.locked_seconds(caller("203.0.113.8"), "gipi") == 0


def test_a_household_of_ipv6_is_one_network():
    for number in range(10):
        fail(1, name=f"name{number}", address=f"2001:db8:1:2::{number}")

    assert login_attempts.locked_seconds(caller("2001:db8:1:2:ffff::1"), "gipi") > 0
    assert login_attempts.locked_seconds(caller("2001:db8:1:3::1"), "gipi") == 0


def test_a_door_that_asks_for_no_name_is_counted_apart():
    for _ in range(10):
        login_attempts.record_failure(caller(), None, "start-link")

    assert login_attempts.locked_seconds(caller(), None) > 0
    assert login_attempts.locked_seconds(caller(), "gipi") == 0
    assert login_attempts.locked_seconds(caller("198.51.100.1"), None) == 0


def test_the_window_opens_with_the_first_failure_and_closes():
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        fail(9)
        clock.shift(timedelta(minutes=9, seconds=59))
        fail(1)
        at_its_end = login_attempts.locked_seconds(caller(), "gipi")
        clock.shift(timedelta(seconds=1))
        after = login_attempts.locked_seconds(caller(), "gipi")
        fail(9)
        anew = login_attempts.locked_seconds(caller(), "gipi")

    assert (at_its_end, after, anew) == (1, 0, 0)


# --- What is kept ---


def test_neither_name_nor_address_is_kept():
    fail(1, name="gipi@example.org")

    kept = str(list(FailureCount.objects.values_list()))
    assert "gipi" not in kept
    assert "203.0.113" not in kept


def test_what_is_over_is_thrown_away():
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        for number in range(30):
            fail(1, name=f"name{number}", address=f"192.0.2.{number}")
        clock.shift(login_attempts.WINDOW)
        fail(1)

    assert FailureCount.objects.count() == 2, "a name and an address"


# --- Guesses ---


def test_who_is_right_is_counted_as_nothing():
    User.objects.create_superuser(**RIGHT)

    users = [authenticate(caller(), **RIGHT) for _ in range(12)]

    assert all(users)
    assert not FailureCount.objects.filter(failures__gt=0).exists()


def test_being_right_takes_no_failure_back():
    User.objects.create_superuser(**RIGHT)
    fail(9)

    first = authenticate(caller(), **RIGHT)
    fail(1)
    second = authenticate(caller(), **RIGHT)

    assert (first is None, second is None) == (False, True)


def test_over_the_limit_nothing_is_checked():
    asked = []
    fail(10)

    found = login_attempts.check_limited(caller(), "gipi", "code", lambda: asked.append("code"))

    assert (found, asked) == (None, [])


def test_a_door_that_breaks_has_counted():
    """An exception during a check must still count the attempt."""
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            login_attempts.check_limited(caller(), "gipi", "code", lambda: 1 // 0)

    assert login_attempts.locked_seconds(caller(), "gipi") > 0


def test_every_way_in_counts():
    backends = [import_string(path) for path in settings.AUTHENTICATION_BACKENDS]

    assert all(issubclass(backend, CountingBackend) for backend in backends)
    assert len(get_backends()) == 1


@pytest.mark.django_db(transaction=True)
def test_the_asynchronous_way_in_counts_too():
    async def guess():
        for _ in range(10):
            assert await aauthenticate(caller(), **WRONG) is None
        await sync_to_async(connections.close_all)()

    run_coroutine(guess())

    assert login_attempts.locked_seconds(caller(), "gipi") > 0


def test_a_password_that_nobody_types_is_not_hashed(monkeypatch):
    hashed = []
    monkeypatch.setattr(User, "check_password", lambda self, raw: hashed.append(len(raw)) or True)
    User.objects.create_superuser(**RIGHT)

    long, longest = (
        authenticate(caller(), username="gipi", password="x" * more) for more in (LENGTH_MAX + 1, LENGTH_MAX)
    )

    assert (long, hashed) == (None, [LENGTH_MAX])
    assert longest is not None


@pytest.mark.django_db(transaction=True)
def test_forty_guesses_at_once_are_no_more_than_ten():
    User.objects.create_superuser(**RIGHT)
    together, checked = Barrier(40), []

    def guess(number):
        together.wait(timeout=30)
        try:
            return login_attempts.check_limited(caller(), "gipi", "password", lambda: checked.append(number))
        finally:
            connection.close()

    with ThreadPoolExecutor(40) as threads:
        list(threads.map(guess, range(40)))

    assert len(checked) == login_attempts.FAILURES_MAX
    assert set(FailureCount.objects.values_list("failures", flat=True)) == {login_attempts.FAILURES_MAX}


@pytest.mark.django_db(transaction=True)
def test_many_at_once_from_many_networks_lose_no_failure_on_a_name():
    together = Barrier(8)

    def guess(number):
        together.wait(timeout=30)
        try:
            login_attempts.record_failure(caller(f"192.0.2.{number}"), "gipi", "password")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(guess, range(8)))

    assert FailureCount.objects.get(who=login_attempts._name_digest("gipi")).failures == 8


# --- The log ---


def test_a_failure_is_one_line(caplog):
    with caplog.at_level(logging.WARNING, logger="newsletter.desk.attempts"):
        authenticate(caller(), **WRONG)

    (line,) = caplog.messages
    assert line == f"login failed from 203.0.113.7 at password, name {login_attempts._name_digest('gipi')[:8]}"


def test_nothing_typed_is_in_the_line(caplog):
    forged = (
        "x\n2026-11-24 08:00:00,000 WARNING newsletter.desk.attempts: login failed from 198.51.100.1\u2028at password"
    )

    authenticate(caller(), username=forged, password="wrong")

    (line,) = caplog.messages
    assert "198.51.100.1" not in line
    assert len(line.splitlines()) == 1
