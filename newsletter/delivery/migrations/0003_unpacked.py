"""Copies that were packed, those of a batch as one row, are rows again: a batch in a transaction.

Killed at any moment it goes on where it stopped.
"""

import json
import zlib
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from django.db import migrations, transaction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unpack(apps, _schema_editor):
    packs = apps.get_model("delivery", "Pack").objects
    last = 0
    while pack := packs.filter(pk__gt=last).order_by("pk").first():
        with transaction.atomic():
            rows = list(copies(bytes(pack.rows)))
            write(apps, pack.mailing_id, rows)
            packs.filter(pk=pack.pk).delete()
        last = pack.pk


def write(apps, mailing_id, rows):
    """Write the copies of a batch; those of readers who were erased meanwhile are nobody's."""
    readers = {row["subscriber_id"] for row in rows} - {None}
    there = set(apps.get_model("subscribers", "Subscriber").objects.filter(pk__in=readers).values_list("pk", flat=True))
    delivery = apps.get_model("delivery", "Delivery")
    for row in rows:
        if row["subscriber_id"] not in there:
            row |= {"subscriber_id": None, "provider_id": ""}
    delivery.objects.bulk_create(delivery(mailing_id=mailing_id, **row) for row in rows)


def copies(octets):
    """Yield the copies of a batch: columns of differences, and words that stand once, as JSON through zlib."""
    columns = json.loads(zlib.decompress(octets))
    words = columns["words"]
    rows = zip(
        sums(columns["seq"]),
        sums(columns["subscriber"]),
        columns["state"],
        columns["attempts"],
        sums(columns["sent_at"]),
        columns["provider_id"],
        columns["reply"],
        strict=True,
    )
    for seq, reader, state, attempts, sent, provider, reply in rows:
        yield {
            "seq": seq,
            "subscriber_id": reader,
            "state": state,
            "attempts": attempts,
            "sent_at": None if sent is None else EPOCH + timedelta(microseconds=sent),
            "provider_id": words[provider],
            "reply": words[reply],
        }


def sums(differences):
    running = accumulate(0 if one is None else one for one in differences)
    return [None if one is None else value for one, value in zip(differences, running, strict=True)]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("delivery", "0002_weight")]

    operations = [migrations.RunPython(unpack, migrations.RunPython.noop, elidable=True)]
