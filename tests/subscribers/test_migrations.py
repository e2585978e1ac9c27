"""Readers who were here before links were bound and consent was a record: none is lost, and their letters open."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from newsletter.mail import tokens
from subscribers.consents import Consent, ConsentText
from subscribers.models import Subscriber, address_hash
from tests.subscribers.conftest import NOW, path_of

BEFORE = [("subscribers", "0003_address_changes")]


@pytest.fixture
def migrated(transactional_db):
    """Take the tables back to 0003, let a test write rows as they were, and bring them here again."""

    def migrate(write):
        MigrationExecutor(connection).migrate(BEFORE)
        write(MigrationExecutor(connection).loader.project_state(BEFORE).apps)
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    yield migrate
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def write(apps):
    """Write one reader of each kind, as version 0003 kept them."""
    readers = apps.get_model("subscribers", "Subscriber").objects

    def make(name, **fields):
        email = f"{name}@example.org"
        return readers.create(email=email, address_hash=address_hash(email), **fields)

    form = {"consent_source": "web:home", "consent_text": "words", "consent_ip": "203.0.113.7"}
    make("pending", consent_at=NOW, **form)
    make("active", state="active", confirmed_at=NOW + timedelta(hours=1), consent_at=NOW, **form)
    make(
        "left", state="unsubscribed", confirmed_at=NOW, unsubscribed_at=NOW + timedelta(days=1), consent_at=NOW, **form
    )
    make("import", state="active", confirmed_at=NOW, consent_source="import")
    make("hand", state="active", confirmed_at=NOW, consent_at=NOW, consent_source="by hand: at the fair")
    make("nothing", state="active", confirmed_at=NOW)
    moved = make("moved", state="active", confirmed_at=NOW, consent_source="import", consent_at=NOW)
    apps.get_model("subscribers", "AddressChange").objects.create(
        subscriber=moved, email="moved@example.org", former="former@example.org", asked_at=NOW, confirmed_at=NOW
    )


def test_what_the_columns_said_is_in_the_record(migrated):
    migrated(write)

    rows = Consent.objects.order_by("subscriber_id", "at", "pk").select_related("subscriber", "text")
    told = [(row.subscriber.email.partition("@")[0], row.kind, row.at - NOW, row.source) for row in rows]
    assert told == [
        ("pending", "asked", timedelta(), "web:home"),
        ("active", "asked", timedelta(), "web:home"),
        ("active", "confirmed", timedelta(hours=1), ""),
        ("left", "asked", timedelta(), "web:home"),
        ("left", "confirmed", timedelta(), ""),
        ("left", "withdrew", timedelta(days=1), ""),
        ("import", "imported", timedelta(), "import"),
        ("hand", "imported", timedelta(), "by hand: at the fair"),
        ("nothing", "confirmed", timedelta(), ""),
        ("moved", "imported", timedelta(), "import"),
        ("moved", "moved", timedelta(), ""),
    ]
    asked = [row for row in rows if row.kind == "asked"]
    assert {(row.text.words, row.ip) for row in asked} == {("words", "203.0.113.7")}
    assert ConsentText.objects.count() == 1
    assert rows.get(kind="moved").address_hash == address_hash("former@example.org")


def test_letters_of_before_keep_their_links_and_each_row_has_a_value_of_its_own(migrated, client):
    migrated(write)

    readers = list(Subscriber.objects.all())
    assert len({reader.token_salt for reader in readers}) == len(readers) == 7
    assert {len(reader.token_salt) for reader in readers} == {tokens.SALT_LENGTH}
    for reader in readers:
        assert Subscriber.objects.opened_by(tokens.sign("unsubscribe", reader.pk), "unsubscribe") == reader
        assert Subscriber.objects.opened_by(reader.token("unsubscribe"), "unsubscribe") == reader
    pending = Subscriber.objects.get(state="pending")
    client.post(f"/confirm/{tokens.sign('confirm', pending.pk, '1')}/")
    assert Subscriber.objects.get(pk=pending.pk).is_reader


def test_a_change_of_address_that_waits_keeps_its_link(migrated):
    def wait(apps):
        write(apps)
        reader = apps.get_model("subscribers", "Subscriber").objects.get(email="active@example.org")
        reader.address_changes.create(email="new@example.net", asked_at=NOW)

    migrated(wait)

    change = Subscriber.objects.get(email="active@example.org").address_changes.get()
    token = tokens.sign("address", change.pk, "new@example.net")
    assert path_of(change.confirm_url) == f"/address/{token}/"
