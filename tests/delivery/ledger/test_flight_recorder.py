import os
import resource
import signal
from itertools import combinations_with_replacement

import pytest

from newsletter.delivery.ledger import flight_recorder
from newsletter.delivery.ledger.flight_recorder import FlightRecorder, RowMark


@pytest.fixture
def path(tmp_path):
    return tmp_path / "flight"


def test_what_was_marked_is_read_back(path):
    with FlightRecorder(path) as flight:
        flight.begin(7, 3, lo=500, hi=1000)
        flight.mark(500, RowMark.SENT)
        flight.mark(501, RowMark.HANDED_OVER)
        flight.mark(999, RowMark.FAILED)

    record = flight_recorder.read_record(path)

    assert (record.batch_id, record.token) == (7, 3)
    assert [record.mark(seq) for seq in (500, 501, 502, 999)] == [
        RowMark.SENT,
        RowMark.HANDED_OVER,
        RowMark.WAITING,
        RowMark.FAILED,
    ]


def test_a_new_batch_forgets_the_old_one(path):
    with FlightRecorder(path) as flight:
        flight.begin(7, 3, lo=0, hi=500)
        flight.mark(0, RowMark.SENT)
        flight.begin(8, 1, lo=0, hi=500)

    assert flight_recorder.read_record(path).mark(0) == RowMark.WAITING


def test_a_record_of_another_boot_does_not_count(path, monkeypatch):
    with FlightRecorder(path) as flight:
        flight.begin(7, 3, lo=0, hi=500)

    monkeypatch.setattr(flight_recorder, "boot_id", lambda: "another")

    assert flight_recorder.read_record(path) is None


def test_where_the_system_does_not_name_its_boot_no_record_counts(path, monkeypatch):
    monkeypatch.setattr(flight_recorder, "boot_id", lambda: "")
    with FlightRecorder(path) as flight:
        flight.begin(7, 3, lo=0, hi=500)

    assert flight_recorder.read_record(path) is None


@pytest.mark.parametrize("octets", [b"", b"\0" * 4224, b"rubbish"])
def test_a_file_that_is_no_record_does_not_count(path, octets):
    path.write_bytes(octets)

    assert flight_recorder.read_record(path) is None


def test_a_batch_that_is_too_large_is_refused(path):
    with FlightRecorder(path) as flight, pytest.raises(ValueError, match="a batch of 5000 rows is larger"):
        flight.begin(7, 3, lo=0, hi=5000)


def test_a_mark_outlives_kill_9(path):
    child = os.fork()
    if child == 0:
        flight = FlightRecorder(path)
        flight.begin(7, 3, lo=0, hi=500)
        flight.mark(4, RowMark.HANDED_OVER)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)

    assert flight_recorder.read_record(path).mark(4) == RowMark.HANDED_OVER


def test_its_room_on_the_disk_is_taken_before_anything_is_marked(path):
    with FlightRecorder(path):
        assert path.stat().st_blocks * 512 >= flight_recorder.HEADER_BYTES + flight_recorder.ROWS_MAX


@pytest.mark.parametrize("free_bytes", [0, flight_recorder.HEADER_BYTES, flight_recorder.ROWS_MAX])
def test_a_disk_without_room_for_all_of_it_is_an_error_of_the_system(path, free_bytes):
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, former[1]))
    try:
        with pytest.raises(OSError, match=r"No space left on device|File too large"):
            FlightRecorder(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


# --- Taken from an owner who may live ---


@pytest.fixture
def flight(path):
    with FlightRecorder(path) as flight:
        flight.begin(7, 3, lo=500, hi=1000)
        yield flight


def test_of_a_revoked_record_nothing_leaves_and_what_left_before_is_told(path, flight):
    flight.hand_over(500)
    flight.hand_over(501)
    flight.mark(501, RowMark.SENT)

    record = flight_recorder.revoke(path, 7, 3)

    assert flight.hand_over(502) is False
    told = [record.mark(seq) for seq in (500, 501, 502)]
    assert told == [RowMark.HANDED_OVER, RowMark.SENT, RowMark.WAITING]
    assert flight_recorder.read_record(path) == record, "the mark is taken back"


@pytest.mark.parametrize("other", [(7, 4), (8, 3)])
def test_another_holding_is_not_revoked(path, flight, other):
    assert flight_recorder.revoke(path, *other) is None

    assert flight.hand_over(500) is True


def test_the_next_batch_is_not_revoked_with_the_former(path, flight):
    flight_recorder.revoke(path, 7, 3)

    flight.begin(8, 1, lo=0, hi=500)

    assert flight.hand_over(0) is True


def test_what_is_marked_before_the_flag_is_seen_by_all_is_told(path, flight, monkeypatch):
    monkeypatch.setattr(flight_recorder.time, "sleep", lambda _seconds: flight.mark(502, RowMark.HANDED_OVER))

    record = flight_recorder.revoke(path, 7, 3)

    assert record.mark(502) == RowMark.HANDED_OVER


def test_an_owner_that_turned_to_another_batch_meanwhile_has_nothing_to_tell(path, flight, monkeypatch):
    monkeypatch.setattr(flight_recorder.time, "sleep", lambda _seconds: flight.begin(8, 1, lo=0, hi=500))

    assert flight_recorder.revoke(path, 7, 3) is None


def test_a_full_disk_revokes_too(path, flight):
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, former[1]))
    try:
        flight_recorder.revoke(path, 7, 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)

    assert flight.hand_over(500) is False


class Stepped:
    """The memory of a recorder, with something else done before the n-th look or change."""

    def __init__(self, memory, deeds):
        self.memory, self.deeds, self.count = memory, deeds, 0

    def _step(self):
        for deed in [deed for at, deed in self.deeds if at == self.count]:
            deed()
        self.count += 1

    def __setitem__(self, at, value):
        self._step()
        self.memory[at] = value

    def __getitem__(self, at):
        self._step()
        return self.memory[at]

    def close(self):
        self.memory.close()


@pytest.mark.parametrize(("flag_at", "read_at"), list(combinations_with_replacement(range(7), 2)))
def test_wherever_a_lane_is_met_no_row_leaves_that_waits_in_the_record(path, flight, monkeypatch, flag_at, read_at):
    """Two rows, three steps each at the most: the flag is set before one of them, the marks are read before another."""
    monkeypatch.setattr(flight_recorder.time, "sleep", lambda _seconds: None)
    records, memory = [], flight.memory

    def set_flag():
        memory[flight_recorder.REVOKED_AT] = 1

    def read_marks():
        records.append(flight_recorder.revoke(path, 7, 3))

    flight.memory = Stepped(memory, [(flag_at, set_flag), (read_at, read_marks)])
    left = [seq for seq in (500, 501) if flight.hand_over(seq)]
    record = records[0] if records else flight_recorder.revoke(path, 7, 3)

    assert all(record.mark(seq) == RowMark.HANDED_OVER for seq in left)
    assert sum(record.mark(seq) != RowMark.WAITING for seq in (500, 501)) <= len(left) + 1
