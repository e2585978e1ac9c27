"""When each part last did its work."""

import math
import os
import time
from pathlib import Path

import pytest

from newsletter.publication import heartbeats
from newsletter.publication.heartbeats import Part

ROOT = Path(__file__).parents[2]


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
    heartbeats.beat(Part.DISPATCHER)

    assert heartbeats.silent_seconds(Part.DISPATCHER) == 0


def test_a_part_is_silent_after_a_minute(settings):
    age(settings, Part.CLOCK, 59)
    before = heartbeats.silent_seconds(Part.CLOCK)
    age(settings, Part.CLOCK, 61)

    assert before == 0
    assert 61 <= heartbeats.silent_seconds(Part.CLOCK) < 90


def test_the_parts_have_ages_of_their_own(settings):
    age(settings, Part.CLOCK, 100)
    heartbeats.beat(Part.DISPATCHER)

    assert [bool(heartbeats.silent_seconds(part)) for part in (Part.CLOCK, Part.DISPATCHER)] == [True, False]


def test_a_jump_of_the_date_makes_no_part_silent_and_hides_none(settings, time_machine):
    heartbeats.beat(Part.DISPATCHER)
    age(settings, Part.CLOCK, 100)

    for year in (2020, 2040):
        time_machine.move_to(f"{year}-01-01T00:00Z")
        assert heartbeats.silent_seconds(Part.DISPATCHER) == 0
        assert heartbeats.silent_seconds(Part.CLOCK) >= 100


def test_a_part_that_never_ran_here_is_another_machines(settings):
    assert heartbeats.silent_seconds(Part.CLOCK) == 0
    assert heartbeats.silent_seconds(Part.LANES, unknown=True) == math.inf


def test_a_heartbeat_from_before_the_machine_was_started_counts_for_nothing(settings):
    age(settings, Part.CLOCK, -1000)

    assert heartbeats.latest(Part.CLOCK) is None


def test_a_busy_part_writes_six_times_a_minute_and_no_byte(settings, monkeypatch):
    heartbeats.beat(Part.LANES)
    path = settings.DATA_DIR / "heartbeats" / Part.LANES
    path.unlink()
    heartbeats.beat(Part.LANES)
    written_again = path.exists()
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", 0.0)
    heartbeats.beat(Part.LANES)

    assert not written_again
    assert path.stat().st_size == 0


def test_a_process_shows_its_work_by_the_file_of_its_own_name():
    heartbeats.show()
    nobodys = heartbeats.latest("lane-1")
    heartbeats.take("lane-1")

    heartbeats.show()

    assert nobodys is None
    assert heartbeats.latest("lane-1") is not None
    heartbeats.take("")


def test_a_start_forgets_what_was_before():
    heartbeats.beat(Part.CLOCK)

    heartbeats.forget()

    assert heartbeats.latest(Part.CLOCK) is None


def test_a_full_disk_stops_no_work(settings):
    settings.DATA_DIR = settings.DATA_DIR / "file"
    settings.DATA_DIR.write_text("")

    heartbeats.beat(Part.CLOCK)


@pytest.mark.servers
@pytest.mark.exhaustive
def test_with_redis_a_part_that_beats_on_another_machine_is_not_silent_here(settings, redis_url, tmp_path):
    from django.core.cache import cache

    settings.REDIS_URL = redis_url
    settings.CACHES = settings.CACHES | {
        "default": {"BACKEND": "newsletter.publication.limits.PromptRedisCache", "LOCATION": redis_url}
    }
    heartbeats.beat(Part.DISPATCHER)
    settings.DATA_DIR = tmp_path / "another"
    settings.DATA_DIR.mkdir()
    heartbeats.take("")
    age(settings, Part.CLOCK, 100)
    cache.delete("heartbeat:clock")
    (settings.DATA_DIR / "heartbeats" / Part.DISPATCHER).touch()
    os.utime(settings.DATA_DIR / "heartbeats" / Part.DISPATCHER, (1, 1))

    assert heartbeats.silent_seconds(Part.DISPATCHER) == 0
    assert heartbeats.silent_seconds(Part.CLOCK) >= 100
