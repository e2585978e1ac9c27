"""What arrives, and the facts in it. The database refuses to change a fact; deleting stays possible."""

from django.db import migrations, models

TABLE = "delivery_event"
REFUSED = "events only grow"


def protect(apps, schema_editor):
    head = f"CREATE TRIGGER {TABLE}_only_grows BEFORE UPDATE ON {TABLE}"
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE FUNCTION delivery_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        schema_editor.execute(f"{head} FOR EACH ROW EXECUTE FUNCTION delivery_refuse_change()")
    else:
        schema_editor.execute(f"{head} BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END")


def release(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(f"DROP TRIGGER {TABLE}_only_grows" + (f" ON {TABLE}" if is_postgresql else ""))
    if is_postgresql:
        schema_editor.execute("DROP FUNCTION delivery_refuse_change()")


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0025_course'),
    ]

    operations = [
        migrations.CreateModel(
            name='Arrival',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=30)),
                ('key', models.CharField(help_text="the provider's own id, or a hash: nothing is stored twice", max_length=64)),
                ('body', models.BinaryField(help_text='octet by octet as it came')),
                ('about', models.JSONField(default=dict, help_text='of a mail: its envelope; of a request: headers that matter')),
                ('received_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('waiting', 'not read yet'), ('applied', 'read and applied'), ('unreadable', 'not understood')], default='waiting', max_length=10)),
                ('what', models.CharField(blank=True, choices=[('bounce', 'returned mail'), ('complaint', 'complaint'), ('leaving', 'leaving by mail'), ('auto-reply', 'automatic reply'), ('challenge', 'asks us to prove that we are a person'), ('reply', 'reply by a person'), ('notice', 'notice of a mail server'), ('request', 'request of a provider')], max_length=10)),
                ('note', models.CharField(blank=True, help_text='why it was not understood, or changed nothing', max_length=500)),
                ('applied_at', models.DateTimeField(null=True)),
                ('mailing_id', models.BigIntegerField(help_text='of the copy that it is about, where that is certain', null=True)),
                ('seq', models.IntegerField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['id'], name='arrivals_to_apply'), models.Index(fields=['what', 'id'], name='arrivals_by_kind'), models.Index(fields=['applied_at'], name='arrivals_to_forget')],
                'constraints': [models.UniqueConstraint(fields=('source', 'key'), name='nothing_arrives_twice')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(help_text='“mail”, or the name of a provider', max_length=30)),
                ('source_id', models.CharField(help_text="the provider's own id of it, or a hash", max_length=128)),
                ('kind', models.CharField(choices=[('delivered', "delivered to the reader's server"), ('deferred', "put off by the reader's server"), ('bounced', 'was sent back'), ('rejected', 'refused by the provider itself'), ('failed', 'not sent by the provider'), ('complained', 'called unwanted by the reader'), ('unsubscribed', 'left through the provider, or by mail'), ('autoresponded', 'answered by a machine'), ('opened', 'opened'), ('clicked', 'a link was followed'), ('unknown', 'unknown to this program')], max_length=14)),
                ('verdict', models.CharField(blank=True, choices=[('hard', 'there is no such address'), ('soft', 'the address takes no mail at the moment'), ('policy', 'the receiver refuses us, or the letter')], max_length=6)),
                ('mailing_id', models.BigIntegerField(null=True)),
                ('seq', models.IntegerField(null=True)),
                ('address_hash', models.CharField(blank=True, help_text='of the address that it is about', max_length=32)),
                ('domain', models.CharField(blank=True, help_text='which receiver said so, of one that came back', max_length=100)),
                ('words', models.CharField(blank=True, help_text="the server's own, without addresses", max_length=500)),
                ('at', models.DateTimeField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'indexes': [models.Index(fields=['mailing_id', 'seq'], name='events_by_copy'), models.Index(condition=models.Q(('address_hash', ''), _negated=True), fields=['address_hash', 'at'], name='events_by_address'), models.Index(condition=models.Q(('verdict', 'policy')), fields=['mailing_id', 'domain'], name='events_by_receiver')],
                'constraints': [models.UniqueConstraint(fields=('source', 'source_id'), name='an_event_is_kept_once')],
            },
        ),
        migrations.RunPython(protect, release),
    ]
