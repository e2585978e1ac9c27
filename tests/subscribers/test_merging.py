"""What an import writes, by the one way and by the other: tests/delivery/test_postgresql.py runs this there too."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from subscribers.importers import merging
from subscribers.importers.merging import ExistingRows, Merge, merge
from subscribers.importers.rows import ReaderRow
from subscribers.models import Consent, Note, Subscriber, Suppression
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW

State = Subscriber.State
BEFORE = NOW - timedelta(days=400, microseconds=7)
OWN = {"id", "address_hash", "token_salt", "email"}  # no two rows have these in common


def bring(*rows: ReaderRow, now=NOW) -> Counter[str]:
    return merge(rows, now, lambda _line, _reason: None)


def test_a_new_row_is_the_one_that_a_sign_up_would_make_with_what_the_file_says():
    bring(ReaderRow(2, "a@example.org", "小明 \\ \t'", "active", consent_at=BEFORE))
    made = Subscriber.objects.get()
    usual = Subscriber(
        email="b@example.org", name="小明 \\ \t'", state="active", confirmed_at=BEFORE, welcomed_at=NOW, signup_round=2
    )
    usual.address_hash = "other"
    usual.save()

    columns = [field.attname for field in Subscriber._meta.concrete_fields if field.attname not in OWN]
    assert Subscriber.objects.filter(pk=made.pk).values(*columns).get() == (
        Subscriber.objects.filter(pk=usual.pk).values(*columns).get()
    )
    assert len(made.token_salt) == len(usual.token_salt)


def test_every_reader_has_links_of_their_own():
    bring(*(ReaderRow(number, f"r{number}@example.org") for number in range(100)))

    assert len(set(Subscriber.objects.values_list("token_salt", flat=True))) == 100


@pytest.mark.parametrize(
    ("states", "kinds"),
    [
        (["active"], [("imported", BEFORE)]),
        (["paused"], [("imported", BEFORE)]),
        (["pending"], []),
        (["unsubscribed"], [("withdrew", NOW)]),
        (["active", "unsubscribed"], [("imported", BEFORE), ("withdrew", NOW)]),
        (["pending", "active"], [("imported", BEFORE)]),
        (["unsubscribed", "active"], [("withdrew", NOW)]),
    ],
)
def test_the_record_has_a_line_for_coming_and_one_for_leaving(states, kinds):
    until = NOW + timedelta(days=9)
    bring(*(ReaderRow(2, "a@example.org", state=state, consent_at=BEFORE, paused_until=until) for state in states))

    reader = Subscriber.objects.get()
    lines = Consent.objects.order_by("pk").values_list("kind", "at", "source", "address_hash")
    assert list(lines) == [(kind, at, f"import on {NOW:%Y-%m-%d}", reader.address_hash) for kind, at in kinds]


def test_further_rows_in_the_same_transaction_are_written_alone():
    for numbers in ((0, 1), (2, 3), (4,)):
        bring(*(ReaderRow(number, f"r{number}@example.org") for number in numbers))

    assert (Subscriber.objects.count(), Consent.objects.count()) == (5, 5)


def test_a_known_reader_is_changed_with_tags_notes_and_a_line():
    reader = make_subscriber("a@example.org", state=State.PENDING, confirmed_at=None, tags="old")

    counts = bring(
        ReaderRow(2, "A@example.org", "小明", tags=("new", "vip"), note="met"),
        ReaderRow(3, "b@example.org", tags=("vip",)),
    )

    reader.refresh_from_db()
    assert (counts["created"], counts["updated"]) == (1, 1)
    assert (reader.email, reader.name, reader.state, reader.confirmed_at) == ("a@example.org", "小明", "active", NOW)
    assert (reader.tag_names, Note.objects.get().text) == (["new", "vip"], "met")
    assert reader.consents.get().kind == "imported"
    assert Subscriber.objects.get(email="b@example.org").tag_names == ["vip"]


# --- Somebody else at the same moment ---


def test_who_leaves_while_a_batch_is_decided_stays_away():
    reader = make_subscriber("a@example.org", name="old")
    found = merging.existing_rows([reader.address_hash], has_notes=False)
    merged = Merge(found, NOW, lambda _line, _reason: None)
    merged.take(reader.address_hash, ReaderRow(2, "a@example.org", "new", state="paused", paused_until=NOW))
    Subscriber.objects.get().unsubscribe(NOW)

    merged.write("import")

    reader.refresh_from_db()
    assert (reader.state, reader.name) == (State.UNSUBSCRIBED, "old")


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="with SQLite nobody else writes meanwhile")
def test_who_signs_up_while_a_batch_is_decided_keeps_their_own_row():
    make_subscriber("a@example.org", name="own", address_hash="one")
    made = {"confirmed_at": NOW, "state": State.ACTIVE}
    new = (Subscriber(address_hash=who, email=f"{who}@example.org", **made) for who in ("one", "two"))
    merged = Merge(ExistingRows(), NOW, lambda _line, _reason: None)
    merged.new = {reader.address_hash: reader for reader in new}

    merged.write("import")

    assert set(Subscriber.objects.values_list("email", "name")) == {("a@example.org", "own"), ("two@example.org", "")}
    assert [line.subscriber.email for line in Consent.objects.all()] == ["two@example.org"]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one index on the address, and reads ranges")
@pytest.mark.parametrize("asked", [{"email__startswith": "a@"}, {"email": "a@example.org"}])
def test_an_address_is_found_by_the_one_index_that_is_left(asked):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "SELECT count(*) FROM pg_indexes WHERE tablename = %s AND indexdef LIKE %s",
            [Subscriber._meta.db_table, "%(email%"],
        )
        (count,) = cursor.fetchone()

    assert count == 1
    assert "_like" in Subscriber.objects.filter(**asked).order_by().explain()


# --- Decisions need no database ---


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        ("pending", "active", "active"),
        ("pending", "pending", "pending"),
        ("active", "pending", "active"),
        ("paused", "active", "paused"),
        ("active", "unsubscribed", "unsubscribed"),
        ("unsubscribed", "active", "unsubscribed"),
        ("unsubscribed", "paused", "unsubscribed"),
    ],
)
def test_the_stricter_state_wins(django_db_blocker, before, said, after):
    reader = Subscriber(address_hash="h", email="a@example.org", state=before, confirmed_at=BEFORE)
    merged = Merge(ExistingRows(readers={"h": reader}), NOW, lambda _line, _reason: None)

    with django_db_blocker.block():
        merged.take("h", ReaderRow(2, "a@example.org", state=said, paused_until=NOW))

    assert reader.state == after


def test_an_address_that_one_line_bars_is_barred_in_the_next_ones():
    refused = []
    merged = Merge(ExistingRows(), NOW, lambda line, _reason: refused.append(line))
    for line, state in enumerate(["active", "bounced", "active"]):
        merged.take("h", ReaderRow(line, "a@example.org", state=state))

    merged.write("import")

    assert refused == [1, 2]
    assert not Subscriber.objects.mailable(NOW).exists()
    assert Suppression.objects.get().reason == "bounced"
