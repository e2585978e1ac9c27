import multiprocessing
import os
import resource
import signal
import threading
import time
import uuid
from queue import Empty

import pytest
from celery.signals import worker_shutting_down
from kombu import Connection
from kombu.simple import SimpleQueue

import newsletter.celery  # noqa: F401  # it names the scheme
from newsletter import queue as queue_of_files
from newsletter.queue import WIRE_OCTETS, Channel, Transport, Wire


@pytest.fixture
def name():
    """A name of this test's own: kombu remembers for the whole process that a queue is bound."""
    return f"q{uuid.uuid4().hex}"


@pytest.fixture
def options(tmp_path):
    folder = str(tmp_path)
    return {"data_folder_in": folder, "data_folder_out": folder, "control_folder": f"{folder}/control"}


@pytest.fixture
def connection(options):
    with Connection("files://localhost/", transport_options=options) as opened:
        yield opened


def put_many(options, name, writer):
    with (
        Connection("files://localhost/", transport_options=options) as connection,
        connection.SimpleQueue(name) as queue,
    ):
        for number in range(300):
            queue.put(f"{writer}-{number}")


def take(queue: SimpleQueue):
    try:
        message = queue.get_nowait()
    except Empty:
        return None
    message.ack()
    return message.payload


def test_messages_come_in_the_order_they_were_put(connection, name):
    with connection.SimpleQueue(name) as queue:
        for word in ("one", "two", "three"):
            queue.put(word)

        assert [take(queue) for _ in range(4)] == ["one", "two", "three", None]


def test_wake_ups_that_nobody_took_for_an_hour_are_thrown_away_in_one_look(connection, name, tmp_path):
    with connection.SimpleQueue(name) as queue:
        for word in ("old", "older", "new"):
            queue.put(word)
        for path in sorted(tmp_path.glob("*.msg"))[:2]:
            moment, rest = path.name.split("_", 1)
            path.rename(tmp_path / f"{int(moment) - 3601 * 10**9:020}_{rest}")

        assert take(queue) == "new"

    assert list(tmp_path.glob("*.msg")) == []


def test_one_queue_does_not_see_the_messages_of_another(connection, name):
    with connection.SimpleQueue(name) as queue, connection.SimpleQueue(f"other.{name}") as other:
        other.put("not for you")

        assert take(queue) is None
        assert take(other) == "not for you"


@pytest.mark.servers
@pytest.mark.exhaustive
def test_a_message_is_never_seen_half_written(connection, name, options):
    writers = [
        multiprocessing.get_context("spawn").Process(target=put_many, args=(options, name, word)) for word in "ab"
    ]
    for writer in writers:
        writer.start()

    taken = []
    with connection.SimpleQueue(name) as queue:
        while len(taken) < 600 and (any(writer.is_alive() for writer in writers) or queue.qsize()):
            taken += [payload] if (payload := take(queue)) else []
    for writer in writers:
        writer.join()

    assert len(taken) == len(set(taken)) == 600


def put_on_a_full_disk(options, name):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # bytes; a longer file is cut there, with an error
    with Connection("files://localhost/", transport_options=options) as full, full.SimpleQueue(name) as queue:
        queue.put("long" * 1000)


def test_a_message_whose_writing_was_cut_short_is_none(connection, name, options):
    writer = multiprocessing.get_context("fork").Process(target=put_on_a_full_disk, args=(options, name))
    writer.start()
    writer.join()
    assert writer.exitcode == 1

    with connection.SimpleQueue(name) as queue:
        queue.put("whole")

        assert [take(queue) for _ in range(2)] == ["whole", None]


def bind(options, queue, start):
    with Connection("files://localhost/", transport_options=options) as connection:
        channel = connection.channel()
        start.wait()
        for number in range(40):
            channel._queue_bind("talk", "", "", f"{queue}.{number}")


def test_hands_that_begin_together_are_all_listened_to(options, connection):
    start = multiprocessing.get_context("fork").Barrier(4)
    hands = [multiprocessing.get_context("fork").Process(target=bind, args=(options, n, start)) for n in range(4)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)

    assert [hand.exitcode for hand in hands] == [0, 0, 0, 0]
    assert len({bound.queue for bound in connection.channel().get_table("talk")}) == 160


def test_a_hand_begins_where_another_was_killed_before_it_had_written_that_it_listens(connection, tmp_path):
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "talk.exchange").touch()

    connection.channel()._queue_bind("talk", "", "", "hand1")

    assert [bound.queue for bound in connection.channel().get_table("talk")] == ["hand1"]


def test_nothing_is_left_of_a_message_that_was_taken(connection, name, tmp_path):
    with connection.SimpleQueue(name) as queue:
        queue.put("secret")
        take(queue)

    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


# --- Stopping ---


def wait(connection):
    """Wait for a message as Celery's loop does; return whether none came."""
    try:
        connection.drain_events(timeout=3600)
    except TimeoutError:
        return True
    return False


def test_a_worker_that_is_stopped_does_not_wait_for_a_message(connection, monkeypatch):
    monkeypatch.setattr(Transport, "is_stopping", True)

    assert wait(connection)


def test_a_stop_of_celerys_worker_ends_the_wait(connection, monkeypatch):
    monkeypatch.setattr(Transport, "is_stopping", False)
    before = signal.signal(
        signal.SIGUSR1,
        lambda *_: worker_shutting_down.send(sender="hand1@machine", sig="SIGTERM", how="Warm", exitcode=0),
    )
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        assert wait(connection)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
        signal.set_wakeup_fd(-1)


def test_a_wait_for_a_message_is_as_long_as_it_was_asked_to_be(connection, name):
    with connection.SimpleQueue(name) as queue:
        began = time.monotonic()

        with pytest.raises(Empty):
            queue.get(timeout=0.3)

    assert time.monotonic() - began >= 0.3


def test_a_patient_worker_waits_longer_than_it_was_asked_to(connection, monkeypatch):
    monkeypatch.setattr(Transport, "patience", 0.5)
    began = time.monotonic()

    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.01)

    assert time.monotonic() - began >= 0.5


def test_a_message_ends_a_wait_without_an_end(connection, name):
    with connection.SimpleQueue(name) as queue:
        queue.put("wake up")

        assert queue.get().payload == "wake up"


def test_a_message_from_elsewhere_ends_a_wait_at_once(connection, name, options, monkeypatch):
    monkeypatch.setattr(queue_of_files, "LOOK_SECONDS", 3600)
    with connection.SimpleQueue(name) as queue:
        writer = threading.Timer(0.2, put_many, (options, name, "late"))
        writer.start()

        assert queue.get(timeout=60).payload == "late-0"
        writer.join()


# --- The wire between copies of one process ---


@pytest.fixture
def wire(monkeypatch, name):
    """A wire for the queue of this test, as if that were the one of tasks."""
    laid = Wire()
    monkeypatch.setattr(Channel, "wire", laid)
    monkeypatch.setattr(queue_of_files, "TASKS", name)
    yield laid
    laid.close()


@pytest.mark.usefixtures("wire")
def test_a_task_by_wire_leaves_no_file(connection, name, tmp_path):
    with connection.SimpleQueue(name) as queue:
        for word in ("one", "two"):
            queue.put(word)
        files = list(tmp_path.glob("*.msg"))

        assert [take(queue) for _ in range(3)] == ["one", "two", None]
    assert files == []


@pytest.mark.usefixtures("wire")
def test_what_is_no_task_goes_through_the_folder(connection, name, tmp_path):
    with connection.SimpleQueue(f"other.{name}") as queue:
        queue.put("talk")

        assert len(list(tmp_path.glob("*.msg"))) == 1
        assert take(queue) == "talk"


@pytest.mark.usefixtures("wire")
def test_what_the_wire_does_not_hold_waits_in_the_folder_and_nothing_is_lost(connection, name, tmp_path):
    long = "x" * WIRE_OCTETS
    with connection.SimpleQueue(name) as queue:
        queue.put(long)
        assert len(list(tmp_path.glob("*.msg"))) == 1, "too long for the wire"
        assert take(queue) == long

        while not list(tmp_path.glob("*.msg")):
            queue.put("until it is full")
        queue.put("last")

        taken = list(iter(lambda: take(queue), None))
    assert "last" in taken
    assert set(taken) == {"until it is full", "last"}
    assert list(tmp_path.glob("*.msg")) == []


def take_one(options, name, told):
    with Connection("files://localhost/", transport_options=options) as taking, taking.SimpleQueue(name) as queue:
        message = queue.get(timeout=60)
        message.ack()
        told.send(message.payload)


@pytest.mark.usefixtures("wire")
def test_copies_of_a_process_take_what_another_one_gives_and_each_message_once(connection, options, name):
    fork = multiprocessing.get_context("fork")
    reader, told = fork.Pipe(duplex=False)
    takers = [fork.Process(target=take_one, args=(options, name, told)) for _ in range(2)]
    for taker in takers:
        taker.start()
    with connection.SimpleQueue(name) as queue:
        queue.put("one")
        queue.put("two")

    assert {reader.recv() for _taker in takers} == {"one", "two"}
    for taker in takers:
        taker.join()
