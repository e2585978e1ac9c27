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
from newsletter.operation.backup.making import merge_lines
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
    assert not pending_unsubscribes.requests_path().read_bytes().strip()


@contextmanager
def full_disk(free):
    """No file may have more than `free` bytes."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


@pytest.mark.django_db(transaction=True)
def test_on_a_full_disk_one_click_is_stored_in_reserved_space_until_the_database_takes_it(client, reader):
    pending_unsubscribes.reserve_space()
    with locked(reader), full_disk(pending_unsubscribes.RESERVED):
        answers = [client.post(reader.unsubscribe_url, ONE_CLICK) for _click in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"OK")] * 2
    assert [pending_unsubscribes.process_pending() for _run in range(2)] == [1, 0]
    assert Subscriber.objects.get().state == Subscriber.State.UNSUBSCRIBED
    assert pending_unsubscribes.requests_path().read_bytes() == b"\n" * pending_unsubscribes.RESERVED


@pytest.mark.django_db(transaction=True)
def test_a_person_who_leaves_by_the_page_is_told_that_it_takes_effect_later(client, reader):
    with locked(reader), pending_unsubscribes.short_lock_timeout(200):
        answer = client.post(reader.unsubscribe_url)

    assert answer.status_code == 202
    assert "Your request to leave is stored" in answer.content.decode()
    assert pending_unsubscribes.process_pending() == 1
    assert Subscriber.objects.get().consents.get().source == "page"


@pytest.mark.django_db(transaction=True)
def test_on_a_full_disk_without_reserved_space_a_request_is_asked_for_again(client, reader):
    with locked(reader), full_disk(0):
        answer = client.post(reader.unsubscribe_url, ONE_CLICK)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "600")


def test_reserving_space_keeps_what_is_stored(reader):
    pending_unsubscribes.store_unsubscribe(reader.token("unsubscribe"), timezone.now())
    pending_unsubscribes.reserve_space()

    assert pending_unsubscribes.requests_path().stat().st_size == pending_unsubscribes.RESERVED
    assert pending_unsubscribes.process_pending() == 1


def test_lines_of_a_restore_behind_the_reserved_space_are_read(reader):
    pending_unsubscribes.reserve_space()
    merge_lines(
        pending_unsubscribes.requests_path(), f"2026-11-26T08:00:00+00:00 {reader.token('unsubscribe')}".encode()
    )

    assert pending_unsubscribes.process_pending() == 1


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
