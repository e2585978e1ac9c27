import os
import resource
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from newsletter.delivery.tasks import dispatch
from subscribers import pending_unsubscribes
from subscribers.models import Subscriber
from subscribers.pages import views
from tests.factories import make_publication, make_subscriber

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
ANSWER_SECONDS = 4  # two, on a machine that does nothing else


@pytest.fixture(autouse=True)
def _own_file(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def reader(db):
    make_publication()
    return make_subscriber("reader@example.org")


@contextmanager
def locked(reader):
    """Somebody else writes to the reader's row, and does not end."""
    has_it, ends = threading.Event(), threading.Event()

    def write():
        with transaction.atomic():
            Subscriber.objects.filter(pk=reader.pk).update(name="another")
            has_it.set()
            ends.wait(30)
        connection.close()

    with ThreadPoolExecutor(1) as other:
        writing = other.submit(write)
        assert has_it.wait(10)
        try:
            yield
        finally:
            ends.set()
            writing.result()


@pytest.mark.django_db(transaction=True)
def test_one_click_is_heard_while_another_holds_the_database(client, reader):
    with locked(reader):
        began = time.monotonic()
        answer = client.post(reader.unsubscribe_url, ONE_CLICK)
        seconds = time.monotonic() - began
        asked_at = timezone.now()

    assert (answer.status_code, answer.content) == (200, b"OK")
    assert seconds < ANSWER_SECONDS
    assert Subscriber.objects.get().is_reader
    dispatch()

    left = Subscriber.objects.get()
    assert left.state == Subscriber.State.UNSUBSCRIBED
    assert left.unsubscribed_at <= asked_at
    assert left.consents.get().source == "one click"
    assert pending_unsubscribes.requests_path().read_bytes() == b""


@pytest.mark.django_db(transaction=True)
def test_on_a_full_disk_a_wish_that_cannot_be_kept_is_asked_for_again(client, reader):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with locked(reader):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))  # octets that a file may have
        try:
            answer = client.post(reader.unsubscribe_url, ONE_CLICK)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "600")


@pytest.mark.django_db(transaction=True)
def test_whoever_waits_for_the_database_afterwards_waits_as_long_as_ever(client, reader):
    with locked(reader):
        client.post(reader.unsubscribe_url, ONE_CLICK)

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout" if connection.vendor == "sqlite" else "SHOW lock_timeout")
        assert cursor.fetchone()[0] in {20_000, "0"}


def test_a_wish_is_fulfilled_once(reader):
    token = reader.token("unsubscribe")
    pending_unsubscribes.store_unsubscribe(token, timezone.now())
    pending_unsubscribes.store_unsubscribe(token, timezone.now())

    assert pending_unsubscribes.process_pending() == 1
    assert pending_unsubscribes.process_pending() == 0


def test_a_wish_that_was_kept_does_not_end_what_the_reader_began_later(reader):
    Subscriber.objects.update(created_at=timezone.now() - timedelta(days=9))
    pending_unsubscribes.store_unsubscribe(reader.token("unsubscribe"), timezone.now())
    reader.unsubscribe(timezone.now())
    reader.refresh_from_db()
    reader.confirm(timezone.now() + timedelta(seconds=1))

    assert pending_unsubscribes.process_pending() == 0

    assert Subscriber.objects.get().is_reader


def test_a_wish_with_a_token_that_opens_nothing_does_nothing(reader):
    other = make_subscriber()
    token = reader.token("unsubscribe")
    forged = token[:-1] + ("x" if token[-1] != "x" else "y")
    pending_unsubscribes.store_unsubscribe(forged, timezone.now())
    pending_unsubscribes.store_unsubscribe(other.token("preferences"), timezone.now())

    assert pending_unsubscribes.process_pending() == 0


def test_what_can_be_no_token_is_not_kept(db):
    assert not pending_unsubscribes.store_unsubscribe("a token\nof two lines", timezone.now())
    assert not pending_unsubscribes.store_unsubscribe("x" * 25, timezone.now())
    assert not pending_unsubscribes.requests_path().exists()


def test_the_first_wish_is_on_the_disk_with_the_name_of_its_file(reader, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(stat.S_ISDIR(os.fstat(file).st_mode)), sync(file)))

    for _time in range(2):
        assert pending_unsubscribes.store_unsubscribe(reader.token("unsubscribe"), timezone.now())

    assert synced.count(True) == 1
    assert synced.count(False) == 2


def test_strangers_do_not_fill_the_disk(reader, monkeypatch):
    token = reader.token("unsubscribe")
    assert pending_unsubscribes.store_unsubscribe(token, timezone.now())
    monkeypatch.setattr(pending_unsubscribes, "SIZE_MAX", 10)

    assert not pending_unsubscribes.store_unsubscribe(token, timezone.now())


def test_a_torn_line_loses_no_other_wish(reader):
    pending_unsubscribes.requests_path().write_text("\n2026-11-2")
    pending_unsubscribes.store_unsubscribe(reader.token("unsubscribe"), timezone.now())

    assert pending_unsubscribes.process_pending() == 1


def test_the_file_is_its_owners_alone(reader):
    pending_unsubscribes.store_unsubscribe(reader.token("unsubscribe"), timezone.now())

    assert pending_unsubscribes.requests_path().stat().st_mode & 0o777 == 0o600


def test_a_wish_that_can_neither_be_done_nor_kept_is_not_called_done(client, reader, monkeypatch):
    def away(*_asked):
        raise OperationalError("database is locked")

    monkeypatch.setattr(views, "_leave_at_once", away)
    monkeypatch.setattr(pending_unsubscribes, "SIZE_MAX", -1)
    client.raise_request_exception = False

    assert client.post(reader.unsubscribe_url, ONE_CLICK).status_code >= 500
