"""Leaving by one click while PostgreSQL is away, on a machine without a worker: its web process alone knows."""

import time
import urllib.parse
import urllib.request

import pytest

from tests.support.migrated import restore_migrated
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.exhaustive]
READER = """
from subscribers.models import Subscriber, address_hash
from django.utils import timezone
reader = Subscriber.objects.create(
    email="r@example.org", state="active", confirmed_at=timezone.now(), address_hash=address_hash("r@example.org")
)
answer = reader.unsubscribe_url
"""
STATE = """
from newsletter.delivery.models.deliveries import Restoration
from subscribers.models import Subscriber
answer = [Subscriber.objects.get().state, Restoration.undecided().count()]
"""
RESTORED = """
from subscribers.models import Subscriber
Subscriber.objects.get().consents.all().delete()
Subscriber.objects.update(state="active", unsubscribed_at=None)
"""


@pytest.fixture
def postgres_of_its_own():
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def leave_by_one_click(link):
    body = urllib.parse.urlencode({"List-Unsubscribe": "One-Click"}).encode()
    with urllib.request.urlopen(link, body) as answer:
        assert (answer.status, answer.read()) == (200, b"OK")


def test_one_click_is_heard_while_postgresql_is_away(make_product, postgres_of_its_own):
    url = postgres_of_its_own.new_database()
    restore_migrated(postgres_of_its_own, url)
    product = make_product(database_url=url)
    link = product.shell(READER)
    product.start_web()
    postgres_of_its_own.kill()

    began = time.monotonic()
    leave_by_one_click(link)
    assert time.monotonic() - began < 4
    postgres_of_its_own.serve()

    wait_until(lambda: product.shell(STATE) == ["unsubscribed", 0], 30, what=product.log_tails)
    wait_until(lambda: not (product.data / "wishes").read_bytes().strip(), what=product.log_tails)


def test_what_a_machine_without_a_worker_knows_of_departures_is_done_again_after_a_restore(make_product):
    product = make_product()
    link = product.shell(READER)
    product.start_web()
    leave_by_one_click(link)
    product.stop()

    product.shell(RESTORED)
    product.serve_web()

    wait_until(lambda: product.shell(STATE) == ["unsubscribed", 1], 30, what=product.log_tails)
