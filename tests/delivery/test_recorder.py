import os
import resource
import signal

import pytest

from newsletter.delivery import recorder
from newsletter.delivery.recorder import Mark, Recorder


@pytest.fixture
def path(tmp_path):
    return tmp_path / "flight"


def test_what_was_marked_is_read_back(path):
    with Recorder(path) as flight:
        flight.begin(7, 3, lo=500, hi=1000)
        flight.mark(500, Mark.SENT)
        flight.mark(501, Mark.HANDED_OVER)
        flight.mark(999, Mark.FAILED)

    record = recorder.read(path)

    assert (record.batch_id, record.token) == (7, 3)
    assert [record.mark(seq) for seq in (500, 501, 502, 999)] == [
        Mark.SENT,
        Mark.HANDED_OVER,
        Mark.WAITING,
        Mark.FAILED,
    ]


def test_a_row_of_another_batch_is_waiting(path):
    with Recorder(path) as flight:
        flight.begin(7, 3, lo=500, hi=1000)

    assert recorder.read(path).mark(3) == Mark.WAITING


def test_a_new_batch_forgets_the_old_one(path):
    with Recorder(path) as flight:
        flight.begin(7, 3, lo=0, hi=500)
        flight.mark(0, Mark.SENT)
        flight.begin(8, 1, lo=0, hi=500)

    assert recorder.read(path).mark(0) == Mark.WAITING


def test_a_record_of_another_boot_does_not_count(path, monkeypatch):
    with Recorder(path) as flight:
        flight.begin(7, 3, lo=0, hi=500)

    monkeypatch.setattr(recorder, "boot", lambda: "another")

    assert recorder.read(path) is None


def test_where_the_system_does_not_name_its_boot_no_record_counts(path, monkeypatch):
    monkeypatch.setattr(recorder, "boot", lambda: "")
    with Recorder(path) as flight:
        flight.begin(7, 3, lo=0, hi=500)

    assert recorder.read(path) is None


@pytest.mark.parametrize("octets", [b"", b"\0" * 4224, b"rubbish"])
def test_a_file_that_is_no_record_does_not_count(path, octets):
    path.write_bytes(octets)

    assert recorder.read(path) is None


def test_without_a_file_there_is_no_record(path):
    assert recorder.read(path) is None


def test_a_batch_that_is_too_large_is_refused(path):
    with Recorder(path) as flight, pytest.raises(ValueError, match="a batch of 5000 rows is larger"):
        flight.begin(7, 3, lo=0, hi=5000)


def test_a_mark_outlives_kill_9(path):
    child = os.fork()
    if child == 0:
        flight = Recorder(path)
        flight.begin(7, 3, lo=0, hi=500)
        flight.mark(4, Mark.HANDED_OVER)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)

    assert recorder.read(path).mark(4) == Mark.HANDED_OVER


def test_its_room_on_the_disk_is_taken_before_anything_is_marked(path):
    with Recorder(path):
        assert path.stat().st_blocks * 512 >= recorder.HEADER + recorder.ROWS


@pytest.mark.parametrize("free_bytes", [0, recorder.HEADER, recorder.ROWS])
def test_a_disk_without_room_for_all_of_it_is_an_error_of_the_system(path, free_bytes):
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, former[1]))
    try:
        with pytest.raises(OSError, match=r"No space left on device|File too large"):
            Recorder(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
