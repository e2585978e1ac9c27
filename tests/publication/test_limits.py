from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import RequestFactory
from redis.exceptions import ConnectionError as RedisGone

from newsletter.publication.limits import client_address, is_over, neighbourhood


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


def test_a_unix_socket_has_no_address():
    assert address(remote="") == ""


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
    assert neighbourhood(given) == counted


def test_the_knock_after_the_last_is_over():
    knocks = [is_over("door", "10.0.0.1", limit=3, seconds=60) for _knock in range(5)]

    assert knocks == [False, False, False, True, True]


def test_doors_and_visitors_are_counted_apart():
    is_over("door", "10.0.0.1", limit=1, seconds=60)

    assert not is_over("door", "10.0.0.2", limit=1, seconds=60)
    assert not is_over("other", "10.0.0.1", limit=1, seconds=60)
    assert is_over("door", "10.0.0.1", limit=1, seconds=60)


def test_the_window_opens_with_the_first_knock_and_closes():
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        is_over("door", "", limit=1, seconds=60)
        clock.shift(timedelta(seconds=59))
        inside = is_over("door", "", limit=1, seconds=60)
        clock.shift(timedelta(seconds=2))
        after = is_over("door", "", limit=1, seconds=60)

    assert (inside, after) == (True, False)


def test_a_limit_of_none_is_over_at_once():
    assert is_over("door", "", limit=0, seconds=60)


def test_no_address_stands_in_the_cache(monkeypatch):
    names = []
    monkeypatch.setattr(cache, "add", lambda name, value, seconds: names.append(name) or True)

    is_over("door", "reader@example.org", limit=1, seconds=60)

    assert names[0].startswith("limit:door:")
    assert "reader" not in names[0]


def test_without_a_cache_nobody_is_turned_away(monkeypatch):
    def gone(*args, **kwargs):
        raise RedisGone

    monkeypatch.setattr(cache, "add", gone)

    assert not is_over("door", "", limit=0, seconds=60)
