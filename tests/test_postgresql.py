"""A PostgreSQL that takes connections and never answers."""

import time

import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]


@pytest.fixture
def wire(postgres, wire_to):
    return wire_to(postgres.port)


@pytest.fixture
def database(wire, django_db_blocker):
    where = {"HOST": "127.0.0.1", "PORT": wire.port, "USER": "postgres", "NAME": "postgres"}
    own = {"ENGINE": "newsletter.postgresql", "OPTIONS": {"connect_timeout": 2}}
    made = ConnectionHandler({"default": where | own})["default"]
    with django_db_blocker.unblock():
        yield made
        made.close()


def test_a_connection_is_used_again_only_while_the_server_answers(database, wire):
    database.ensure_connection()
    before = database.is_usable()

    wire.cut()
    asked_at = time.monotonic()

    assert (before, database.is_usable()) == (True, False)
    assert time.monotonic() - asked_at < 10
    wire.mend()


def test_a_connection_that_was_lost_is_not_used_again(database, wire):
    database.ensure_connection()

    wire.stop()

    assert not database.is_usable()


def test_a_connection_that_was_never_answered_is_closed_though_its_error_is_kept(database, wire):
    wire.cut()

    with pytest.raises(OperationalError, match="timeout expired") as kept:
        database.ensure_connection()

    wait_until(lambda: not wire.connections(), what="the end of a connection")
    assert kept.value.__traceback__
    wire.mend()
