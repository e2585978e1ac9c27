"""The cache in the process: what it keeps, and that no stranger makes it grow."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine

from newsletter.publication.kept.memory import OVERHEAD_BYTES, BoundedMemoryCache

SOON = 3600


@pytest.fixture
def cache(request):
    """A cache of at most 10 entries and 100,000 bytes."""
    found = BoundedMemoryCache(request.node.name, {"OPTIONS": {"MAX_ENTRIES": 10, "MAX_BYTES": 100_000}})
    yield found
    found.clear()


def kept(cache):
    return [number for number in range(100) if cache.get(str(number))]


def test_what_is_set_is_found_and_nobody_can_change_it_there(cache):
    value = {"a": [1]}
    cache.set("name", value, SOON)
    value["a"].append(2)
    cache.get("name")["a"].append(3)

    assert cache.get("name") == {"a": [1]}
    assert cache.get("other", "nothing") == "nothing"
    assert cache.get_many(["name", "other"]) == {"name": {"a": [1]}}


def test_of_more_entries_than_there_is_room_for_those_stay_that_were_used_last(cache):
    for number in range(10):
        cache.set(str(number), "x", SOON)
    cache.get("0")

    cache.set("10", "x", SOON)
    cache.set("11", "x", SOON)

    assert kept(cache) == [0, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_the_bytes_are_bounded_whatever_the_entries_are():
    cache = BoundedMemoryCache("heavy", {"OPTIONS": {"MAX_ENTRIES": 1000, "MAX_BYTES": 100_000}})
    most = []

    for number in range(1000):
        cache.set(str(number), b"x" * (number * 37 % 6000), SOON)
        most.append((cache.store.bytes, len(cache.store)))

    assert 90_000 < max(size for size, _entries in most) <= 100_000
    assert 20 < max(entries for _size, entries in most) < 250
    assert cache.get("999")
    cache.clear()


def test_bytes_are_counted_off_whichever_way_an_entry_goes(cache):
    cache.set("a", b"x" * 5000, SOON)
    cache.set("a", b"x" * 100, SOON)
    smaller = cache.store.bytes
    cache.set("b", b"x" * 100, SOON)
    cache.delete("b")
    with time_machine.travel(0, tick=False) as clock:
        cache.set("c", b"x" * 100, 60)
        clock.shift(timedelta(seconds=60))
        assert cache.get("c") is None

    assert 100 < smaller < 200 + OVERHEAD_BYTES
    assert cache.store.bytes == smaller
    cache.clear()
    assert (cache.store.bytes, len(cache.store)) == (0, 0)


def test_one_large_value_pushes_nothing_out(cache):
    cache.set("small", "x", SOON)

    cache.set("large", b"x" * 100_000, SOON)

    assert cache.get("large") is None
    assert cache.get("small") == "x"


def test_a_value_that_is_too_large_leaves_no_older_one_behind(cache):
    cache.set("name", "old", SOON)

    cache.set("name", b"x" * 100_000, SOON)

    assert cache.get("name") is None


def test_an_entry_ends_at_its_time(cache):
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        cache.set("name", "x", 60)
        cache.set("never", "x", 0)
        cache.set("for ever", "x", None)
        clock.shift(timedelta(seconds=59))
        inside = cache.get("name")
        clock.shift(timedelta(seconds=1))

        assert (inside, cache.get("name"), cache.get("never")) == ("x", None, None)
        clock.shift(timedelta(days=1000))
        assert cache.get("for ever") == "x"


def test_add_keeps_what_is_there_until_its_end(cache):
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        first, second = cache.add("name", 1, 60), cache.add("name", 2, 60)
        clock.shift(timedelta(seconds=60))
        third = cache.add("name", 3, 60)

    assert (first, second, third) == (True, False, True)


def test_threads_share_what_is_kept():
    options = {"OPTIONS": {"MAX_ENTRIES": 50, "MAX_BYTES": 100_000}}
    one, other = BoundedMemoryCache("shared", options), BoundedMemoryCache("shared", options)

    one.set("name", "x", SOON)

    assert other.get("name") == "x"
    one.clear()


def test_many_threads_at_once_count_right():
    store = BoundedMemoryCache("busy", {"OPTIONS": {"MAX_ENTRIES": 50, "MAX_BYTES": 50_000}})

    def work(thread):
        for number in range(500):
            store.set(str((thread * 7 + number) % 90), b"x" * (number % 900), SOON)
            store.get(str(number % 90))
            store.delete(str(number % 13))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))

    left = [name for name in map(str, range(90)) if store.get(name) is not None]
    assert 0 < len(store.store) == len(left) <= 50
    for name in left:
        store.delete(name)
    assert store.store.bytes == 0
