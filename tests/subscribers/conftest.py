"""A page that speaks English, and a hand that fills forms as slowly as a person."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.core import mail
from django.utils import translation

from subscribers import tasks
from subscribers.forms import stamp
from subscribers.models import Subscriber
from tests.factories import make_publication

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


@pytest.fixture
def clock():
    """Hold the time at NOW; move_to and shift turn it."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def _english(db, clock):
    make_publication(sender_email="news@example.org", postal_address="1 Some Street")
    with translation.override("en"):
        yield


@pytest.fixture
def sign_up(client):
    """Fill the form as a person does, and return the page that answers."""

    def post(email: str, **fields: str):
        shown_at = datetime.now(UTC).timestamp() - 5
        data = {"email": email, "place": "home", "stamp": stamp(datetime.fromtimestamp(shown_at, UTC))}
        where = {name: fields.pop(name) for name in ("REMOTE_ADDR", "HTTP_REFERER") if name in fields}
        return client.post("/subscribe/", data | fields, **where)

    return post


@pytest.fixture
def letters():
    """Run the task that sends, and return all letters sent so far."""

    def send() -> list[mail.EmailMessage]:
        tasks.send_confirmations()
        return mail.outbox

    return send


@pytest.fixture
def reader(sign_up, client):
    """Return somebody who has signed up and confirmed."""
    sign_up("reader@example.org")
    tasks.send_confirmations()
    mail.outbox.clear()
    subscriber = Subscriber.objects.get()
    client.post(path_of(subscriber.confirm_url))
    subscriber.refresh_from_db()
    return subscriber


def path_of(url: str) -> str:
    return url.removeprefix("https://news.example.org")
