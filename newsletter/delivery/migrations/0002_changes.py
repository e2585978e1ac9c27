import json
import zlib
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from django.db import migrations, models
from django.db.models import Exists, OuterRef

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = 'seq', 'subscriber', 'state', 'attempts', 'sent_at', 'provider_id', 'reply'


def count_what_was_not_settled(apps, _schema_editor):
    """Have the mailings counted again of which not everything was counted."""
    breakdowns = apps.get_model('delivery', 'Breakdown').objects.filter(mailing=OuterRef('pk'))
    settled = breakdowns.filter(settled_at__gte=OuterRef('counted_at'))
    apps.get_model('delivery', 'Mailing').objects.filter(~Exists(settled)).update(counted_at=None)


def unpack(apps, _schema_editor):
    """Make copies rows again that were packed, those of a batch as one. Those of erased readers are nobody's."""
    delivery = apps.get_model('delivery', 'Delivery')
    readers = apps.get_model('subscribers', 'Subscriber').objects
    for pack in apps.get_model('delivery', 'Pack').objects.iterator(chunk_size=100):
        rows = list(copies(bytes(pack.rows)))
        numbers = {row['subscriber_id'] for row in rows} - {None}
        there = set(readers.filter(pk__in=numbers).values_list('pk', flat=True))
        for row in rows:
            if row['subscriber_id'] not in there:
                row |= {'subscriber_id': None, 'provider_id': ''}
        delivery.objects.bulk_create(delivery(mailing_id=pack.mailing_id, **row) for row in rows)


def copies(octets):
    """Yield the copies of a batch: columns of differences, and words that stand once, as JSON through zlib."""
    columns = json.loads(zlib.decompress(octets))
    words = columns['words']
    columns |= {name: sums(columns[name]) for name in ('seq', 'subscriber', 'sent_at')}
    for seq, reader, state, attempts, sent, provider, reply in zip(*map(columns.get, COLUMNS), strict=True):
        yield {
            'seq': seq,
            'subscriber_id': reader,
            'state': state,
            'attempts': attempts,
            'sent_at': None if sent is None else EPOCH + timedelta(microseconds=sent),
            'provider_id': words[provider],
            'reply': words[reply],
        }


def sums(differences):
    running = accumulate(0 if one is None else one for one in differences)
    return [None if one is None else value for one, value in zip(differences, running, strict=True)]


class Migration(migrations.Migration):
    replaces = [('delivery', name) for name in '''
        0002_weight 0003_unpacked 0004_no_packs 0005_unproven_mails 0006_plain_names 0007_too_close 0008_ledger_place
    '''.split()]

    dependencies = [('delivery', '0001_initial')]

    operations = [
        migrations.RenameField('mailing', 'certified_at', 'counted_at'),
        migrations.RunPython(count_what_was_not_settled, elidable=True),
        migrations.RemoveField('breakdown', 'settled_at'),
        migrations.RunPython(unpack, elidable=True),
        migrations.DeleteModel('Pack'),
        migrations.RemoveIndex('mailing', 'mailings_to_pack'),
        migrations.RemoveField('mailing', 'packed_at'),
        migrations.AddField(
            'mailing',
            'copies_deleted_at',
            models.DateTimeField(help_text='since then nobody knows who had a copy', null=True),
        ),
        migrations.AddField(
            'inboundmessage',
            'begun',
            models.PositiveSmallIntegerField(db_default=0, default=0, help_text='how often somebody began to read it'),
        ),
        migrations.AddField('inboundmessage', 'begun_at', models.DateTimeField(null=True)),
        migrations.AddField(
            'inboundmessage',
            'is_believed',
            models.BooleanField(db_default=False, default=False, help_text='taken as proven by the author'),
        ),
        migrations.CreateModel(
            name='LedgerPlace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('identity', models.CharField(max_length=80)),
            ],
        ),
        migrations.RunSQL([f'DROP TABLE IF EXISTS delivery_{table}' for table in ('batchbreakdown', 'certificate', 'hubnotice')]),
    ]
