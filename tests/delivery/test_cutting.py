"""Batches, and when the lanes that take them one after the other end."""

import heapq

import pytest

from newsletter.delivery.planning.beginning import sizes

MOST = 4000


def speed_up(batches, lanes):
    """Return by how much sooner so many lanes are through than one, each taking the next batch when it is free."""
    ends = [0] * lanes
    for size in batches:
        heapq.heappush(ends, heapq.heappop(ends) + size)
    return sum(batches) / max(ends)


@pytest.mark.parametrize("total", [0, 1, 399, 400, 401, 20_000, 123_457, 1_000_000])
@pytest.mark.parametrize("lanes", [1, 8])
def test_the_batches_are_all_rows_and_none_is_too_large(total, lanes):
    batches = list(sizes(total, lanes, MOST))

    assert sum(batches) == total
    assert all(0 < size <= MOST for size in batches)


@pytest.mark.parametrize(("lanes", "least"), [(2, 1.95), (4, 3.8), (8, 7)])
@pytest.mark.parametrize("total", [20_000, 50_000, 1_000_000])
def test_twenty_thousand_readers_are_shared_by_all_lanes(total, lanes, least):
    assert speed_up(list(sizes(total, 8, MOST)), lanes) >= least


def test_a_million_readers_are_in_large_batches():
    batches = list(sizes(1_000_000, 8, MOST))

    assert batches[:230] == [MOST] * 230
    assert len(batches) < 280


def test_where_one_lane_is_alone_all_batches_are_large():
    assert list(sizes(10_000, 1, MOST)) == [4000, 4000, 2000]
