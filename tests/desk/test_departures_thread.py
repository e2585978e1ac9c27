"""What a web process does beside its pages. The real one is in tests/flows/test_wishes.py."""

from threading import Event

import pytest
from django.db import OperationalError
from django.utils import timezone

from newsletter.delivery.ledger import restore_detection
from newsletter.desk import departures_thread
from subscribers import pending_unsubscribes
from subscribers.models import Subscriber
from tests.factories import make_publication, make_subscriber


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path):
    settings.DATA_DIR, settings.LOCK_DIR = tmp_path, tmp_path / "locks"


@pytest.fixture
def reader(db, monkeypatch):
    make_publication()
    monkeypatch.setattr("django.db.connection.close", lambda: None)  # the test's own
    return make_subscriber("reader@example.org")


class Looks(Event):
    """Ends after so many looks."""

    def __init__(self, count):
        super().__init__()
        self.count = count

    def wait(self, timeout=None):
        self.count -= 1
        if not self.count:
            self.set()
        return self.is_set()


def test_departures_are_done_again_once_and_wishes_whenever_there_are_some(reader, monkeypatch):
    remembered = []
    monkeypatch.setattr(restore_detection, "detect_restore", remembered.append)
    pending_unsubscribes.store_unsubscribe(reader.token("unsubscribe"), timezone.now())

    departures_thread.run(Looks(3))

    assert Subscriber.objects.get().state == Subscriber.State.UNSUBSCRIBED
    assert len(remembered) == 1


def test_what_the_database_did_not_take_is_tried_again(reader, monkeypatch):
    answers = iter([OperationalError("away"), OperationalError("away"), None])

    def remember(_now):
        if error := next(answers):
            raise error

    monkeypatch.setattr(restore_detection, "detect_restore", remember)
    pending_unsubscribes.store_unsubscribe(reader.token("unsubscribe"), timezone.now())

    departures_thread.run(Looks(2))
    before = Subscriber.objects.get().is_reader
    departures_thread.run(Looks(1))

    assert before
    assert Subscriber.objects.get().state == Subscriber.State.UNSUBSCRIBED
    assert next(answers, "none left") == "none left"
