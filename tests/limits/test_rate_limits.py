""""""

import time
from datetime import UTC, datetime, timedelta

import pytest
import redis as client
import time_machine
from django.core.cache import cache, caches
from django.test import RequestFactory
from redis.exceptions import ConnectionError as RedisGone

from newsletter.limits.circuit_breaker import OPEN_SECONDS
from newsletter.limits.client_ip import client_address, client_network
from newsletter.limits.rate_limits import (
    CIRCUIT,
    count_and_check_limit,
    has_reached_limit,
    retry_after_seconds,
    window_has_reached,
)
from newsletter.settings import REDIS_CACHE


def address(remote: str = "10.0.0.1", forwarded: str = "") -> str:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=remote, headers=headers))


def test_without_proxies_nobody_may_say_who_he_is():
    assert address(forwarded="203.0.113.7") == "10.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "client"),
    [
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "192.0.2.9, 203.0.113.7", "203.0.113.7"),
        (2, "192.0.2.9, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (2, "203.0.113.7", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "unknown", ""),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
        (1, "203.0.113.7:5678", "203.0.113.7"),
        (1, "[2001:db8::1]:80", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "203.0.113.7:5678:9", ""),
        (1, "[203.0.113.7", "203.0.113.7"),
        (1, "[", ""),
        (1, ":", ""),
    ],
)
def test_behind_proxies_the_hop_of_the_outermost_counts(settings, proxies, forwarded, client):
    settings.TRUSTED_PROXIES = proxies

    assert address(forwarded=forwarded) == client


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", ""),
    ],
)
def test_a_household_counts_as_one(given, counted):
    assert client_network(given) == counted


def test_the_knock_after_the_last_is_over():
    knocks = [count_and_check_limit("door", "10.0.0.1", limit=3, seconds=60) for _knock in range(5)]

    assert knocks == [False, False, False, True, True]


def test_doors_and_visitors_are_counted_apart():
    count_and_check_limit("door", "10.0.0.1", limit=1, seconds=60)

    assert not count_and_check_limit("door", "10.0.0.2", limit=1, seconds=60)
    assert not count_and_check_limit("other", "10.0.0.1", limit=1, seconds=60)
    assert count_and_check_limit("door", "10.0.0.1", limit=1, seconds=60)


def test_the_window_opens_with_the_first_knock_and_closes():
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        count_and_check_limit("door", "", limit=1, seconds=60)
        clock.shift(timedelta(seconds=59))
        inside = count_and_check_limit("door", "", limit=1, seconds=60)
        clock.shift(timedelta(seconds=2))
        after = count_and_check_limit("door", "", limit=1, seconds=60)

    assert (inside, after) == (True, False)


def test_a_window_that_ends_while_a_knock_is_counted_opens_anew(monkeypatch):
    monkeypatch.setattr(cache, "add", lambda _name, _value, _seconds: False)  # it was open a moment ago

    over = [count_and_check_limit("door", "", limit=1, seconds=60) for _ in range(2)]

    assert over == [False, True]


def test_no_address_stands_in_the_cache(monkeypatch):
    names = []
    monkeypatch.setattr(cache, "add", lambda name, value, seconds: names.append(name) or True)

    count_and_check_limit("door", "reader@example.org", limit=1, seconds=60)

    assert names[0].startswith("limit:door:")
    assert "reader" not in names[0]


# --- A Redis that does not do its work ---


@pytest.fixture
def counted_in_redis(redis, redis_url, settings):
    """The server that counts, working; it works again after the test."""
    settings.CACHES = settings.CACHES | {"default": REDIS_CACHE | {"LOCATION": redis_url}}
    yield redis
    redis.mend()


def full(redis):
    redis.fill()


def read_only(redis):
    redis.make_read_only()


def silent(redis):
    redis.stop_for_now()


def away(redis):
    redis.kill()


FAULTS = [full, read_only, silent, away]


@pytest.mark.servers
@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", FAULTS)
def test_while_redis_fails_each_process_counts_for_itself(counted_in_redis, fault, caplog):
    assert not count_and_check_limit("door", "10.0.0.1", limit=2, seconds=60)
    fault(counted_in_redis)
    began = time.monotonic()

    knocks = [count_and_check_limit("door", "10.0.0.2", limit=3, seconds=60) for _knock in range(5)]
    others = [count_and_check_limit("door", f"10.0.1.{number}", limit=1, seconds=60) for number in range(50)]

    assert knocks == [False, False, False, True, True]
    assert others == [False] * 50
    assert has_reached_limit("door", "10.0.0.2", limit=3)
    assert not has_reached_limit("door", "10.0.0.2", limit=6)
    assert time.monotonic() - began < 3, "a server that is silent is not asked each time"
    said = [entry.getMessage() for entry in caplog.records]
    assert len(said) == 1, said
    assert "each process counts for its own rate limits" in said[0]


@pytest.mark.servers
@pytest.mark.exhaustive
def test_what_a_process_counted_by_itself_counts_on_when_redis_is_back(counted_in_redis):
    counted_in_redis.fill()
    for _knock in range(3):
        count_and_check_limit("door", "10.0.0.1", limit=3, seconds=60)
    counted_in_redis.mend()
    caches["spare"].delete(f"away:{CIRCUIT}")

    assert has_reached_limit("door", "10.0.0.1", limit=3)
    assert count_and_check_limit("door", "10.0.0.1", limit=3, seconds=60)
    assert not count_and_check_limit("door", "10.0.0.1", limit=5, seconds=60), "two of Redis, three of its own"
    assert count_and_check_limit("door", "10.0.0.1", limit=5, seconds=60), "three of Redis, three of its own"


@pytest.mark.servers
@pytest.mark.exhaustive
def test_processes_count_together_in_redis(counted_in_redis):
    count_and_check_limit("door", "10.0.0.1", limit=2, seconds=60)
    caches["spare"].clear()

    assert has_reached_limit("door", "10.0.0.1", limit=1)
    with client.Redis.from_url(counted_in_redis.url) as connection:
        (name,) = connection.keys()
        assert 0 < connection.ttl(name) <= 60


@pytest.mark.exhaustive
def test_what_a_process_counts_by_itself_is_bounded(settings, monkeypatch):
    def gone(*args, **kwargs):
        raise RedisGone

    monkeypatch.setattr(cache, "add", gone)
    count_and_check_limit("busy", "", limit=9, seconds=60)
    for number in range(11_000):
        count_and_check_limit("door", str(number), limit=1, seconds=60)
        if number % 1000 == 0:
            count_and_check_limit("busy", "", limit=9, seconds=60)

    assert len(caches["spare"]._cache) <= 10_000
    assert count_and_check_limit("busy", "", limit=9, seconds=60), "what is knocked at often is not what is forgotten"


def test_redis_is_asked_again_after_some_seconds_and_the_log_says_so_once_a_minute(monkeypatch, caplog):
    asked = []

    def gone(*args, **kwargs):
        asked.append(args)
        raise RedisGone

    monkeypatch.setattr(cache, "add", gone)
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        for _second in range(70):
            count_and_check_limit("door", "", limit=1000, seconds=600)
            count_and_check_limit("door", "", limit=1000, seconds=600)
            clock.shift(timedelta(seconds=1))

    assert len(asked) == 70 // OPEN_SECONDS
    assert len(caplog.records) == 2


NOW = datetime(2026, 11, 24, 8, 3, 20, tzinfo=UTC)


def knock(now: datetime = NOW, who: str = "10.0.0.1", door: str = "door") -> int:
    return retry_after_seconds(door, who, limit=2, seconds=600, now=now)


def test_a_door_closes_after_its_limit_and_says_for_how_long():
    assert [knock() for _knock in range(4)] == [0, 0, 400, 400]


def test_a_look_counts_nothing():
    looks = [window_has_reached("door", "10.0.0.1", count=1, seconds=600, now=NOW) for _look in range(3)]
    knock()

    assert looks == [False] * 3
    assert window_has_reached("door", "10.0.0.1", count=1, seconds=600, now=NOW)
    assert not window_has_reached("door", "10.0.0.1", count=2, seconds=600, now=NOW)
    assert not window_has_reached("door", "10.0.0.1", count=1, seconds=600, now=NOW + timedelta(minutes=10))
