"""Leaving by one click while PostgreSQL is away."""

import time
import urllib.parse
import urllib.request

import pytest

from tests.support.postgres import Postgres

pytestmark = pytest.mark.servers
READER = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from subscribers.models import Subscriber, address_hash
from django.utils import timezone
reader = Subscriber.objects.create(
    email="r@example.org", state="active", confirmed_at=timezone.now(), address_hash=address_hash("r@example.org")
)
answer = reader.unsubscribe_url
"""
DISPATCHED = """
from newsletter.delivery.tasks import dispatch
from subscribers.models import Subscriber
dispatch()
answer = Subscriber.objects.get().state
"""


@pytest.fixture
def postgres_of_its_own():
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_one_click_is_heard_while_postgresql_is_away(make_product, postgres_of_its_own):
    product = make_product(database_url=postgres_of_its_own.new_database())
    link = product.shell(READER)
    product.start_web()
    postgres_of_its_own.kill()

    began = time.monotonic()
    body = urllib.parse.urlencode({"List-Unsubscribe": "One-Click"}).encode()
    with urllib.request.urlopen(link, body) as answer:
        assert (answer.status, answer.read()) == (200, b"OK")
    assert time.monotonic() - began < 4
    postgres_of_its_own.serve()

    assert product.shell(DISPATCHED) == "unsubscribed"
