"""A page that speaks English, and a hand that fills forms as slowly as a person."""

from copy import copy
from datetime import UTC, datetime

import pytest
import time_machine
from django.apps import apps
from django.core import mail
from django.db.models import Field, Model
from django.utils import translation

from subscribers import tasks
from subscribers.forms import sign_timestamp
from subscribers.models import Subscriber, address_hash
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
        data = {"email": email, "place": "home", "stamp": sign_timestamp(datetime.fromtimestamp(shown_at, UTC))}
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


_rows: list[Model] = []  # what the pages wrote of the first reader in this process


@pytest.fixture
def reader(sign_up, client):
    """Return somebody who has signed up and confirmed; after the first time the same rows are written without pages."""
    if _rows:
        return _written_again()
    is_alone = not _all_rows()
    sign_up("reader@example.org")
    tasks.send_confirmations()
    mail.outbox.clear()
    subscriber = Subscriber.objects.get()
    client.post(path_of(subscriber.confirm_url))
    if is_alone:
        _rows.extend(_all_rows())
    return Subscriber.objects.get()


def _all_rows() -> list[Model]:
    """Return what is kept of readers; the rows that others name come first."""
    models = apps.get_app_config("subscribers").get_models()
    return sorted((row for model in models for row in model.objects.all()), key=lambda row: len(_foreign(row)))


def _foreign(row: Model) -> list[Field]:
    return [field for field in row._meta.concrete_fields if field.is_relation]


def _written_again() -> Subscriber:
    """Write the same rows with numbers of the database's own."""
    written: dict[tuple[type[Model], int], Model] = {}
    for row in _rows:
        again = copy(row)
        again.pk = None
        if getattr(again, "address_hash", ""):
            again.address_hash = address_hash("reader@example.org")  # each publication salts it in its own way
        for field in _foreign(row):
            if number := field.value_from_object(row):
                setattr(again, field.name, written[field.related_model, number])
        again.save(force_insert=True)
        written[type(row), row.pk] = again
    return Subscriber.objects.get()


def path_of(url: str) -> str:
    return url.removeprefix("https://news.example.org")
