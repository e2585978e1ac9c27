"""Copies that a version before packed are rows again: nobody is forgotten, and nobody who was erased comes back."""

import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from newsletter.delivery.models import Batch, Delivery, Mailing
from tests.factories import make_issue, make_subscriber

NOW = datetime(2026, 11, 3, 0, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PACKED = [("delivery", "0002_weight")]


@pytest.fixture
def packed(transactional_db):
    """Return the models of the version that packed; in the end the tables are those of today."""
    executor = MigrationExecutor(connection)
    executor.migrate(PACKED)
    yield executor.loader.project_state(PACKED).apps
    unpack()


def unpack():
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        executor.migrate(executor.loader.graph.leaf_nodes())


def differences(values):
    last, found = 0, []
    for value in values:
        found.append(None if value is None else value - last)
        last = last if value is None else value
    return found


def octets(rows):
    """Return copies as that version wrote them. rows: seq, reader, state, attempts, sent_at, provider's id, reply."""
    seqs, readers, states, attempts, times, ids, replies = zip(*rows, strict=True)
    words = list(dict.fromkeys([*ids, *replies]))
    microseconds = [at and (at - EPOCH) // timedelta(microseconds=1) for at in times]
    columns = {
        "seq": differences(seqs),
        "subscriber": differences(readers),
        "state": states,
        "attempts": attempts,
        "sent_at": differences(microseconds),
        "provider_id": [words.index(one) for one in ids],
        "reply": [words.index(one) for one in replies],
        "words": words,
    }
    return zlib.compress(json.dumps(columns, ensure_ascii=False).encode())


def write_packs(apps, batches):
    mailing = apps.get_model("delivery", "Mailing").objects.create(
        issue_id=make_issue(number=7).pk,
        state="sent",
        approved_at=NOW,
        send_at=NOW,
        planned_at=NOW,
        finished_at=NOW,
        counted_at=NOW,
        packed_at=NOW,
        total=sum(map(len, batches)),
    )
    lo = 0
    for no, rows in enumerate(batches):
        hi = lo + len(rows)
        numbers = {"no": no, "lo": lo, "hi": hi, "cursor": hi, "state": "done", "sent": len(rows)}
        batch = apps.get_model("delivery", "Batch").objects.create(mailing=mailing, **numbers)
        apps.get_model("delivery", "Pack").objects.create(batch=batch, mailing=mailing, rows=octets(rows))
        lo = hi


def written():
    names = ("seq", "subscriber", "state", "attempts", "sent_at", "provider_id", "reply")
    return list(Delivery.objects.order_by("mailing", "seq").values_list(*names))


def test_packed_copies_are_rows_as_they_were(packed):
    readers = [make_subscriber(f"reader-{number}@example.org").pk for number in range(5)]
    later = NOW + timedelta(microseconds=7)
    first = [
        (0, readers[3], 1, 1, NOW, "", ""),
        (1, None, 2, 1, None, "", "550 5.1.1 <•••@•••>: 沒有這個人"),
        (2, readers[0], 1, 2, later, "", "counted as sent by the author"),
    ]
    second = [(3, readers[4], 5, 0, None, "", "left"), (4, readers[1], 4, 1, NOW, "id-1", "no answer")]
    write_packs(packed, [first, second])

    unpack()

    assert written() == [*first, *second]
    assert Mailing.objects.get().copies_deleted_at is None


def test_who_was_erased_before_the_packs_knew_it_is_in_no_row(packed):
    there, gone = (make_subscriber(email).pk for email in ("a@example.org", "b@example.org"))
    packed.get_model("subscribers", "Subscriber").objects.filter(pk=gone).delete()
    write_packs(packed, [[(0, there, 1, 1, NOW, "", ""), (1, gone, 1, 1, NOW, "id", "250 ok")]])

    unpack()

    assert [(row[1], row[5]) for row in written()] == [(there, ""), (None, "")]


def test_a_batch_that_was_unpacked_before_it_was_killed_is_there_once(packed):
    readers = [make_subscriber(f"reader-{number}@example.org").pk for number in range(4)]
    batches = [[(seq, readers[seq], 1, 1, NOW, "", "")] for seq in range(4)]
    write_packs(packed, batches)
    done = packed.get_model("delivery", "Pack").objects.order_by("pk")[:2]
    mailing = done[0].mailing_id
    for seq, pack in enumerate(list(done)):
        sent = {"state": 1, "attempts": 1, "sent_at": NOW, "provider_id": "", "reply": ""}
        Delivery.objects.create(mailing_id=mailing, seq=seq, subscriber_id=readers[seq], **sent)
        pack.delete()

    unpack()

    assert [row[:2] for row in written()] == list(enumerate(readers))
    assert Batch.objects.count() == 4
