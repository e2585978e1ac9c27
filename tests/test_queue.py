import multiprocessing
import resource
import time
import uuid
from queue import Empty

import pytest
from celery.signals import worker_shutting_down
from kombu import Connection
from kombu.simple import SimpleQueue
from kombu.transport import filesystem

import newsletter.celery  # noqa: F401  # it names the scheme
from newsletter.queue import LOOK_SECONDS, Transport


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


def test_nothing_is_left_of_a_message_that_was_taken(connection, name, tmp_path):
    with connection.SimpleQueue(name) as queue:
        queue.put("secret")
        take(queue)

    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


# --- Stopping ---


@pytest.fixture
def waits(monkeypatch):
    """How long the transport below was asked to wait, each time; it comes back at once."""
    asked = []

    def drain_events(_self, _connection, timeout=None):
        asked.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(filesystem.Transport, "drain_events", drain_events)
    return asked


def test_a_worker_that_is_stopped_does_not_wait_for_a_message(connection, waits, monkeypatch):
    monkeypatch.setattr(Transport, "is_stopping", True)

    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=3600)

    assert waits == [LOOK_SECONDS]


def test_a_stop_of_celerys_worker_ends_the_wait(connection, waits, monkeypatch):
    monkeypatch.setattr(Transport, "is_stopping", False)

    worker_shutting_down.send(sender="hand1@machine", sig="SIGTERM", how="Warm", exitcode=0)

    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=3600)
    assert waits == [LOOK_SECONDS]


def test_a_wait_for_a_message_is_as_long_as_it_was_asked_to_be(connection, name):
    with connection.SimpleQueue(name) as queue:
        began = time.monotonic()

        with pytest.raises(Empty):
            queue.get(timeout=2 * LOOK_SECONDS)

    assert time.monotonic() - began >= 2 * LOOK_SECONDS


def test_a_message_ends_a_wait_without_an_end(connection, name):
    with connection.SimpleQueue(name) as queue:
        queue.put("wake up")

        assert queue.get().payload == "wake up"
