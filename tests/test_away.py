"""An outage is one line when it begins and one when it is over."""

import logging
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.db.backends.signals import connection_created

from newsletter import away
from newsletter.away import AwayFilter

REFUSED = 'connection failed: connection to server at "::1", port 5432 failed: Connection refused\n\tIs it up?'


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    away.forget()
    monkeypatch.setattr(away.time, "monotonic", lambda: now["s"])
    now["s"] = 100.0
    yield
    away.forget()


now = {"s": 0.0}


def record(error=None, name="django.request", message="Internal Server Error: /", level=logging.ERROR, **fields):
    found = logging.LogRecord(name, level, __file__, 1, message, (), (type(error), error, None) if error else None)
    found.__dict__ |= fields
    return found


def written(*records):
    """Return what is written of each record, None for one that is left out."""
    kept = [(AwayFilter().filter(one), one) for one in records]
    return [(one if found is True else found).getMessage() if found else None for found, one in kept]


def test_the_first_tells_it_in_one_line_and_the_others_say_nothing():
    failed = OperationalError(REFUSED)

    first, *others = written(record(failed), record(failed), record(failed, name="celery.app.trace"))

    assert first == (
        'the database is away: connection failed: connection to server at "::1", port 5432 failed: Connection refused '
        "Is it up?. What fails because of it is not told until it answers."
    )
    assert others == [None, None]


def test_the_line_has_no_traceback():
    told = AwayFilter().filter(record(OperationalError(REFUSED)))

    assert told.exc_info is None
    assert "\n" not in told.getMessage()


def test_the_end_is_told_with_how_long_it_took_and_what_was_left_out(caplog):
    written(*[record(OperationalError(REFUSED)) for _ in range(4)])
    now["s"] += 45

    connection_created.send(sender=None, connection=None)
    connection_created.send(sender=None, connection=None)

    assert [line.getMessage() for line in caplog.records] == [
        "the database answers again, after 45 s; 3 lines were left out"
    ]


def test_the_next_outage_is_told_anew():
    failed = record(OperationalError(REFUSED))
    written(failed)
    away.answers(away.DATABASE)

    assert written(failed) != [None]


def test_one_that_lasts_is_told_once_more_now_and_then():
    failed = record(OperationalError(REFUSED))
    told = []
    for _ in range(40):
        told += written(failed)
        now["s"] += 30

    assert len([line for line in told if line]) == 2


def test_a_cause_counts_as_much_as_what_was_raised():
    try:
        try:
            raise OperationalError(REFUSED)  # noqa: TRY301 - what the next one is raised from
        except OperationalError as error:
            raise RuntimeError("no page") from error
    except RuntimeError:
        found = record(None)
        found.exc_info = sys.exc_info()

    assert written(found)[0].startswith("the database is away")


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("database is locked"),
        OperationalError("could not extend file: No space left on device"),
        OperationalError("deadlock detected"),
        ImproperlyConfigured("connection failed"),
        ValueError("connection failed"),
    ],
)
def test_other_errors_are_told_each_time(error):
    assert written(record(error), record(error)) == ["Internal Server Error: /"] * 2


@pytest.mark.parametrize(
    "said",
    [
        "connection is bad: no error details available",
        "server closed the connection unexpectedly",
        "terminating connection due to administrator command",
        "the connection is closed",
        "FATAL:  the database system is starting up",
        "couldn't get a connection after 2.00 sec",
    ],
)
def test_a_server_that_is_gone_is_known_by_its_words(said):
    assert written(record(OperationalError(said)))[0].startswith("the database is away")


def test_pages_that_say_to_come_back_are_not_told_meanwhile():
    unavailable = record(message="Service Unavailable: /subscribe/", status_code=503)

    assert written(unavailable) == ["Service Unavailable: /subscribe/"]
    written(record(OperationalError(REFUSED)))
    assert written(unavailable) == [None]


# --- Redis ---

CONSUMER = "celery.worker.consumer.consumer"


def lost(message):
    return record(name=CONSUMER, message=message)


def test_a_worker_tells_once_that_redis_is_away_and_once_that_it_is_back(caplog):
    tries = [
        lost(f"consumer: Cannot connect to redis://:**@h/0: refused.\nTrying again in {2 * n}.00 seconds... ({n}/None)")
        for n in (1, 2, 3)
    ]

    first, *others = written(*tries)
    assert first.startswith("Redis is away: Cannot connect to redis://:**@h/0: refused")
    assert others == [None, None]

    back = record(name="celery.worker.consumer.connection", message="Connected to redis://:**@h/0", level=logging.INFO)
    assert written(back) == [None]
    assert [line.getMessage() for line in caplog.records] == ["Redis answers again, after 0 s; 2 lines were left out"]


def test_that_redis_is_there_at_the_start_is_no_news(caplog):
    written(record(name="celery.worker.consumer.connection", message="Connected to redis://h/0", level=logging.INFO))

    assert caplog.records == []


def test_an_error_of_the_client_counts_too():
    from redis.exceptions import ConnectionError as Gone
    from redis.exceptions import ResponseError

    assert written(record(Gone("Error 111 connecting to h:6379")))[0].startswith("Redis is away")
    assert written(record(ResponseError("OOM command not allowed"))) == ["Internal Server Error: /"]


def test_two_servers_are_two_outages():
    from redis.exceptions import ConnectionError as Gone

    database, queue = written(record(OperationalError(REFUSED)), record(Gone("Error 111")))

    assert (database[:12], queue[:5]) == ("the database", "Redis")
