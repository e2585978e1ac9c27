"""Readers who were here before links were bound, consent was a record and tags were rows: nothing of them is lost.

The way to the tables of before and back takes ten seconds of a processor: one test goes it, and looks at all.
"""

from datetime import timedelta

import pytest
from django.core.management.sql import emit_pre_migrate_signal
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from newsletter.mail import tokens
from subscribers.models import Subscriber, address_hash
from subscribers.models.consents import Consent, ConsentText
from subscribers.models.tags import Tag
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW, path_of

BEFORE = [("subscribers", "0003_address_changes")]


@pytest.fixture
def way(transactional_db):
    """Return what takes the tables to a state and gives the models of it; in the end they are here again."""
    yield _taken_to
    _to_the_end()


def _taken_to(state):
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(state)
    emit_pre_migrate_signal(verbosity=0, interactive=False, db="default", plan=plan)  # as `migrate` does
    executor.migrate(state, plan)
    return MigrationExecutor(connection).loader.project_state(state).apps


def _to_the_end():
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        executor.migrate(executor.loader.graph.leaf_nodes())


KINDS = ("pending", "active", "left", "import", "hand", "nothing", "moved")


def write(apps):
    """Write one reader of each of the KINDS, as version 0003 kept them."""
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
    changes = apps.get_model("subscribers", "AddressChange").objects
    changes.create(
        subscriber=moved, email="moved@example.org", former="former@example.org", asked_at=NOW, confirmed_at=NOW
    )
    changes.create(subscriber=readers.get(email="active@example.org"), email="new@example.net", asked_at=NOW)


@pytest.mark.django_db
def test_no_index_waits_for_a_question_that_nobody_asks():
    """Beside a unique text column Django makes one more for LIKE on PostgreSQL."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = {
            (table, *index["columns"])
            for table in tables
            if table.startswith("subscribers_")
            for name, index in connection.introspection.get_constraints(cursor, table).items()
            if name.endswith("_like")
        }

    assert found <= {("subscribers_subscriber", "email")}  # whose beginning is searched for


def test_nothing_of_readers_of_before_is_lost_on_the_way(way, client):
    make_subscriber("gone-back@example.org", tags="b,a")
    make_subscriber("without@example.org")

    before = way(BEFORE)
    in_the_column = dict(before.get_model("subscribers", "Subscriber").objects.values_list("email", "tags"))
    write(before)
    write_tags(before)
    type_tags_meanwhile(way(COPIED))
    _to_the_end()

    assert in_the_column == {"gone-back@example.org": "b,a", "without@example.org": ""}
    tags_are_what_was_typed_last()
    what_the_columns_said_is_in_the_record()
    a_change_of_address_that_waits_keeps_its_link()
    letters_of_before_keep_their_links_and_each_row_has_a_value_of_its_own(client)


def what_the_columns_said_is_in_the_record():
    ours = Consent.objects.filter(subscriber__email__in=[f"{kind}@example.org" for kind in KINDS])
    rows = ours.order_by("subscriber_id", "at", "pk").select_related("subscriber", "text")
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


def letters_of_before_keep_their_links_and_each_row_has_a_value_of_its_own(client):
    readers = list(Subscriber.objects.all())
    assert len({reader.token_salt for reader in readers}) == len(readers) > len(KINDS)
    assert {len(reader.token_salt) for reader in readers} == {tokens.SALT_LENGTH}
    for reader in readers:
        if reader.email == "new@example.org":  # came when links were bound already
            continue
        assert Subscriber.objects.opened_by(tokens.sign("unsubscribe", reader.pk), "unsubscribe") == reader
        assert Subscriber.objects.opened_by(reader.token("unsubscribe"), "unsubscribe") == reader
    pending = Subscriber.objects.get(email="pending@example.org")
    client.post(f"/confirm/{tokens.sign('confirm', pending.pk, '1')}/")
    assert Subscriber.objects.get(pk=pending.pk).is_reader


def a_change_of_address_that_waits_keeps_its_link():
    change = Subscriber.objects.get(email="active@example.org").address_changes.get()
    token = tokens.sign("address", change.pk, "new@example.net")
    assert path_of(change.confirm_url) == f"/address/{token}/"


# --- Tags ---

COPIED = [("subscribers", "0015_tags_are_copied")]
TAGS = {
    "paid,course": ["paid", "course"],
    " paid ,  old   friend,paid": ["paid", "old friend"],
    "Paid,paid": ["Paid", "paid"],
    "課程學員，paid、course": ["課程學員", "paid", "course"],
    "": [],
    " ,，": [],
    "x" * 200: ["x" * 200],
}


def with_tags(readers, name, tags):
    return readers.create(email=f"{name}@example.org", address_hash=address_hash(name), tags=tags)


def tags_by_name():
    return {reader.email.partition("@")[0]: reader.tag_names for reader in Subscriber.objects.all()}


def write_tags(apps):
    """Write readers with tags in their column, as it was before tags were rows."""
    readers = apps.get_model("subscribers", "Subscriber").objects
    for number, tags in enumerate(TAGS):
        with_tags(readers, f"r{number}", tags)
    for name in ("changed", "emptied", "kept"):
        with_tags(readers, name, "a,b")


def type_tags_meanwhile(apps):
    """Change the column when it has been copied already, as a process of the version before does."""
    readers = apps.get_model("subscribers", "Subscriber").objects
    readers.filter(email__startswith="changed").update(tags="b,c")
    readers.filter(email__startswith="emptied").update(tags="")
    with_tags(readers, "new", "c")


def tags_are_what_was_typed_last():
    meanwhile = {"changed": ["b", "c"], "emptied": [], "kept": ["a", "b"], "new": ["c"]}
    copied = {f"r{number}": names for number, names in enumerate(TAGS.values())}
    expected = copied | meanwhile | {"gone-back": ["b", "a"], "without": []} | {kind: [] for kind in KINDS}
    assert tags_by_name() == expected
    assert Tag.objects.in_use() == sorted({name for names in tags_by_name().values() for name in names})
