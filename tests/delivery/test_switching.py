"""In the middle of a mailing: stopped within two seconds, carried on by another provider. Real servers, real clock."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from newsletter.delivery import lane_process, tasks
from newsletter.delivery.ledger import recovery
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving, beginning
from newsletter.mail.mailers import mailer_from_url, provider_label
from tests.factories import make_subscriber
from tests.support.smtp import Smtp
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
REPLY_SECONDS = 0.5  # four connections: eight messages a second
READERS = 60


@pytest.fixture(autouse=True)
def _alone(settings, tmp_path, monkeypatch):
    settings.LOCK_DIR = tmp_path / "locks"
    monkeypatch.setattr(lane_process.StopRequest, "is_asked", False)
    monkeypatch.setattr(tasks.dispatch, "apply_async", lambda *_args, **_options: None)


@pytest.fixture
def slow(tmp_path):
    folder = tmp_path / "slow"
    folder.mkdir()
    server = Smtp(folder, reply_seconds=REPLY_SECONDS)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mailing(settings, issue, slow, smtp, tmp_path):
    """A mailing under way by a slow provider, with a quick one beside it."""
    urls = {"bulk": slow.url, "default": smtp.url}
    mailers = {alias: mailer_from_url(url, outbox=tmp_path) for alias, url in urls.items()}
    settings.MAILERS = settings.MAILERS | mailers
    for number in range(READERS):
        make_subscriber(f"reader{number}@example.org")
    begun = approving.approve(issue, send_at=None, now=timezone.now(), hold=timedelta())
    assert beginning.plan_mailing(begun, timezone.now())
    return begun


def stop_on_the_way(mailing, server, *, after=4):
    """Pause once `after` copies have left; return for how many seconds the lane went on."""
    found = {}

    def author():
        wait_until(lambda: len(server.received()) >= after, 30, what=lambda: "the first copies")
        found["paused"] = time.monotonic()
        Mailing.objects.get(pk=mailing.pk).pause("the author")
        connection.close()

    hand = threading.Thread(target=author)
    hand.start()
    lane_process.run_lane(0)
    ended = time.monotonic()
    hand.join(30)
    mailing.refresh_from_db()
    return ended - found["paused"]


def test_a_pause_holds_and_the_rest_goes_by_the_other_provider_nobody_twice(mailing, slow, smtp, settings):
    seconds, counts = stop_on_the_way(mailing, slow), mailing.counts()
    by_the_first = slow.copies()
    assert seconds <= 2 + REPLY_SECONDS, "what was on the wire may still get its answer"
    assert counts.sent == len(slow.received()) < READERS
    assert (counts.sending, counts.uncertain, counts.queued) == (0, 0, READERS - counts.sent)

    assert mailing.switch("default", provider_label(settings.MAILERS["default"]))
    mailing.resume(timezone.now(), timedelta())
    lane_process.run_lane(0)

    assert slow.copies() == by_the_first
    assert slow.readers() | smtp.readers() == {f"reader{number}@example.org" for number in range(READERS)}
    assert not slow.readers() & smtp.readers()
    assert slow.copies_per_reader() == smtp.copies_per_reader() == {1}
    assert mailing.counts().sent == READERS
    assert ("switched", provider_label(settings.MAILERS["default"])) in mailing.steps.values_list("what", "detail")


@pytest.mark.parametrize("state", ["scheduled", "sending", "sent", "cancelled"])
def test_only_a_paused_mailing_is_switched(mailing, state):
    Mailing.objects.update(state=state)

    assert mailing.switch("default", "smtp") is False
    assert Mailing.objects.get().mailer == "bulk"


def test_a_lane_of_the_former_provider_does_not_go_on_after_the_switch(mailing, slow):
    """Paused, switched and resumed between two looks of the lane: the next intent stops it."""
    former = Mailing.objects.get(pk=mailing.pk)
    mailing.pause()
    mailing.switch("default", "smtp")
    mailing.resume(timezone.now(), timedelta())

    with recovery.hold_slot(0) as worker:
        lane_process.send_batches(former, f"{worker}x", 0, lane_process.is_stopping, None)

    assert slow.received() == []
    assert mailing.counts().queued == READERS
