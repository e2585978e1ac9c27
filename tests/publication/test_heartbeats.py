"""When each part last did its work."""

import math
import os
import time

import pytest

from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Component
from newsletter.settings import REDIS_CACHE


@pytest.fixture(autouse=True)
def _alone(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.REDIS_URL = ""


def age(settings, part, seconds):
    """Let the latest heartbeat be so long ago."""
    heartbeats.beat(part)
    at = time.monotonic() - seconds
    os.utime(settings.DATA_DIR / "heartbeats" / part, (at, at))


def test_a_part_that_beats_is_not_silent():
    heartbeats.beat(Component.DISPATCHER)

    assert heartbeats.silent_seconds(Component.DISPATCHER) == 0


def test_a_part_is_silent_after_a_minute(settings):
    age(settings, Component.CLOCK, 59)
    before = heartbeats.silent_seconds(Component.CLOCK)
    age(settings, Component.CLOCK, 61)

    assert before == 0
    assert 61 <= heartbeats.silent_seconds(Component.CLOCK) < 90


def test_the_parts_have_ages_of_their_own(settings):
    age(settings, Component.CLOCK, 100)
    heartbeats.beat(Component.DISPATCHER)

    assert [bool(heartbeats.silent_seconds(part)) for part in (Component.CLOCK, Component.DISPATCHER)] == [True, False]


def test_a_jump_of_the_date_makes_no_part_silent_and_hides_none(settings, time_machine):
    heartbeats.beat(Component.DISPATCHER)
    age(settings, Component.CLOCK, 100)

    for year in (2020, 2040):
        time_machine.move_to(f"{year}-01-01T00:00Z")
        assert heartbeats.silent_seconds(Component.DISPATCHER) == 0
        assert heartbeats.silent_seconds(Component.CLOCK) >= 100


def test_a_part_that_never_ran_here_is_another_machines(settings):
    assert heartbeats.silent_seconds(Component.CLOCK) == 0
    assert heartbeats.silent_seconds(Component.LANES, unknown_is_silent=True) == math.inf


def test_a_heartbeat_from_before_the_machine_was_started_counts_for_nothing(settings):
    age(settings, Component.CLOCK, -1000)

    assert heartbeats.last_beat(Component.CLOCK) is None


def test_a_busy_part_writes_six_times_a_minute_and_no_byte(settings, monkeypatch):
    heartbeats.beat(Component.LANES)
    path = settings.DATA_DIR / "heartbeats" / Component.LANES
    path.unlink()
    heartbeats.beat(Component.LANES)
    written_again = path.exists()
    monkeypatch.setattr(heartbeats, "BEAT_INTERVAL_SECONDS", 0.0)
    heartbeats.beat(Component.LANES)

    assert not written_again
    assert path.stat().st_size == 0


def test_a_process_shows_its_work_by_the_file_of_its_own_name():
    heartbeats.record_heartbeat()
    nobodys = heartbeats.last_beat("lane-1")
    heartbeats.set_process_name("lane-1")

    heartbeats.record_heartbeat()

    assert nobodys is None
    assert heartbeats.last_beat("lane-1") is not None
    heartbeats.set_process_name("")


def test_a_start_forgets_what_was_before():
    heartbeats.beat(Component.CLOCK)

    heartbeats.clear_beats()

    assert heartbeats.last_beat(Component.CLOCK) is None


def test_a_full_disk_stops_no_work(settings):
    settings.DATA_DIR = settings.DATA_DIR / "file"
    settings.DATA_DIR.write_text("")

    heartbeats.beat(Component.CLOCK)


@pytest.mark.servers
@pytest.mark.exhaustive
def test_with_redis_a_part_that_beats_on_another_machine_is_not_silent_here(settings, redis_url, tmp_path):
    from django.core.cache import cache

    settings.REDIS_URL = redis_url
    settings.CACHES = settings.CACHES | {"default": REDIS_CACHE | {"LOCATION": redis_url}}
    heartbeats.beat(Component.DISPATCHER)
    settings.DATA_DIR = tmp_path / "another"
    settings.DATA_DIR.mkdir()
    heartbeats.set_process_name("")
    age(settings, Component.CLOCK, 100)
    cache.delete("heartbeat:clock")
    (settings.DATA_DIR / "heartbeats" / Component.DISPATCHER).touch()
    os.utime(settings.DATA_DIR / "heartbeats" / Component.DISPATCHER, (1, 1))

    assert heartbeats.silent_seconds(Component.DISPATCHER) == 0
    assert heartbeats.silent_seconds(Component.CLOCK) >= 100
