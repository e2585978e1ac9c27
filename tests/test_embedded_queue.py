"""The embedded queue: a folder with one file for each wake-up that waits."""

import multiprocessing
import resource
import time
import uuid
from queue import Empty

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue

import newsletter.celery  # it names the scheme
from newsletter import embedded_queue as queue_of_files

fork = multiprocessing.get_context("fork")


@pytest.fixture
def name():
    """A name of this test's own: kombu remembers for the whole process that a queue is bound."""
    return f"q{uuid.uuid4().hex}"


@pytest.fixture
def options(tmp_path):
    return {"folder": str(tmp_path)}


@pytest.fixture
def connection(options):
    with Connection("files://localhost/", transport_options=options) as opened:
        yield opened


def put_many(options, name, writer, many=300):
    with (
        Connection("files://localhost/", transport_options=options) as connection,
        connection.SimpleQueue(name) as queue,
    ):
        for number in range(many):
            queue.put(f"{writer}-{number}")


def take(queue: SimpleQueue):
    try:
        message = queue.get_nowait()
    except Empty:
        return None
    message.ack()
    return message.payload


def test_each_message_comes_once(connection, name):
    with connection.SimpleQueue(name) as queue:
        for word in ("one", "two", "three"):
            queue.put(word)

        assert {take(queue) for _ in range(3)} == {"one", "two", "three"}
        assert take(queue) is None


def test_a_wake_up_that_waits_already_is_not_put_a_second_time(connection, name, tmp_path):
    """So a folder never holds thousands, however busy the machine is."""
    with connection.SimpleQueue(name) as queue:
        for _time in range(50):
            queue.put("dispatch")

        assert len(list(tmp_path.iterdir())) == 1
        assert [take(queue), take(queue)] == ["dispatch", None]

        queue.put("dispatch")
        assert take(queue) == "dispatch", "what is asked for later is done once more"


def test_five_thousand_messages_are_taken_with_one_look(connection, options, name, monkeypatch):
    put_many(options, name, "old", 5_000)
    looks, age = [], queue_of_files._modified_ns
    monkeypatch.setattr(queue_of_files, "_modified_ns", lambda path: looks.append(path) or age(path))

    with connection.SimpleQueue(name) as queue:
        began = time.process_time()
        taken = {take(queue) for _ in range(5_000)}

    assert len(taken) == len(looks) == 5_000
    assert time.process_time() - began < 60, "on a slow machine; each by a look of its own took fifteen minutes"


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


def take_all(options, name, told):
    with Connection("files://localhost/", transport_options=options) as taking, taking.SimpleQueue(name) as queue:
        told.send(list(iter(lambda: take(queue), None)))


def test_of_two_readers_one_gets_each_message(options, name):
    put_many(options, name, "one")
    heard, told = fork.Pipe(duplex=False)
    readers = [fork.Process(target=take_all, args=(options, name, told)) for _ in range(2)]
    for reader in readers:
        reader.start()

    taken = [*heard.recv(), *heard.recv()]

    for reader in readers:
        reader.join()
    assert len(taken) == len(set(taken)) == 300


def put_on_a_full_disk(options, name):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # bytes; a longer file is cut there, with an error
    with Connection("files://localhost/", transport_options=options) as full, full.SimpleQueue(name) as queue:
        queue.put("long" * 1000)


def test_a_message_whose_writing_was_cut_short_is_none(connection, name, options, tmp_path):
    writer = fork.Process(target=put_on_a_full_disk, args=(options, name))
    writer.start()
    writer.join()
    assert writer.exitcode == 1

    assert list(tmp_path.iterdir()) == []
    with connection.SimpleQueue(name) as queue:
        assert take(queue) is None


def test_nothing_is_left_of_a_message_that_was_taken(connection, name, tmp_path):
    with connection.SimpleQueue(name) as queue:
        queue.put("secret")
        take(queue)

    assert list(tmp_path.iterdir()) == []


def test_a_message_ends_a_wait_without_an_end(connection, name):
    with connection.SimpleQueue(name) as queue:
        queue.put("wake up")

        assert queue.get().payload == "wake up"


# --- Wake-ups in one process ---


def test_a_wake_up_that_is_answered_already_is_answered_once_more_and_never_twice_at_once():
    done = []

    @newsletter.celery.app.task(name=f"tests.{uuid.uuid4().hex}")
    def wake_up():
        done.append("begun")
        if len(done) == 1:
            wake_up()
            wake_up()
            done.append("still the first")

    wake_up()

    assert done == ["begun", "still the first", "begun"]


def test_a_wake_up_that_failed_is_answered_the_next_time():
    tries = []

    @newsletter.celery.app.task(name=f"tests.{uuid.uuid4().hex}")
    def wake_up():
        tries.append(1)
        raise ZeroDivisionError

    for _time in range(2):
        with pytest.raises(ZeroDivisionError):
            wake_up()

    assert len(tries) == 2


def test_a_task_with_an_argument_is_done_each_time():
    done = []

    @newsletter.celery.app.task(name=f"tests.{uuid.uuid4().hex}")
    def count(number):
        done.append(number)
        if number:
            count(number - 1)

    count(2)

    assert done == [2, 1, 0]
