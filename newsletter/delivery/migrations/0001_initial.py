import django.db.models.deletion
import django.utils.timezone
import newsletter.delivery.models.reminders
import newsletter.mail.tokens
from django.db import migrations, models


def leave_room_for_updates(apps, schema_editor):
    """Half-filled pages let PostgreSQL update a row in place (HOT): a quarter of the CPU and WAL of full ones."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE delivery_delivery SET (fillfactor = 50)")


def protect(apps, schema_editor):
    """Have the database refuse to change an event. Deleting stays possible."""
    head = "CREATE TRIGGER delivery_event_only_grows BEFORE UPDATE ON delivery_event"
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE FUNCTION delivery_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'events only grow' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        schema_editor.execute(f"{head} FOR EACH ROW EXECUTE FUNCTION delivery_refuse_change()")
    else:
        schema_editor.execute(f"{head} BEGIN SELECT RAISE(ABORT, 'events only grow'); END")


class Migration(migrations.Migration):
    replaces = [('delivery', name) for name in '''
        0002_pace 0003_history 0004_segments_and_happenings 0005_deliveries_are_written_fast 0005_feedback
        0006_rehearsals_and_reminders 0008_bound_tokens 0009_what_was_missed 0010_refusals 0011_restorations
        0015_who_did_it 0016_unshown 0017_packs 0018_due_mail 0019_proposals 0020_moved_slots 0021_hold_ended
        0022_breakdowns 0023_once_more 0024_hub 0025_course 0026_events 0027_mail_fetch 0028_provider_events
        0029_restorations_of_a_backup 0030_links 0031_thinned_events 0032_withheld_texts 0033_replies 0034_quotes
        0035_result_letters 0036_events_say_when_they_were_written 0037_paused_by_a_quote 0038_by_the_api 0039_announced
    '''.split()]

    dependencies = [('issues', '0001_initial'), ('subscribers', '0001_initial')]

    operations = [
        migrations.CreateModel(
            name='Mailing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('issue', 'issue'), ('correction', 'correction')], default='issue', max_length=10, verbose_name='kind')),
                ('number', models.PositiveSmallIntegerField(default=1, help_text='counts the mailings of one kind within the issue')),
                ('state', models.CharField(choices=[('scheduled', 'scheduled'), ('sending', 'being sent'), ('paused', 'paused'), ('sent', 'sent'), ('cancelled', 'cancelled')], default='scheduled', max_length=10, verbose_name='state')),
                ('reason', models.CharField(blank=True, help_text='why it is paused or cancelled', max_length=500, verbose_name='reason')),
                ('approved_at', models.DateTimeField(verbose_name='approved')),
                ('send_at', models.DateTimeField(help_text='the slot; never before the hold has passed', verbose_name='begins')),
                ('planned_at', models.DateTimeField(blank=True, null=True, verbose_name='audience fixed')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished')),
                ('retry_at', models.DateTimeField(blank=True, null=True)),
                ('provider_failures', models.PositiveSmallIntegerField(default=0)),
                ('sender_name', models.CharField(max_length=80)),
                ('sender_email', models.EmailField(max_length=254)),
                ('reply_to', models.EmailField(blank=True, max_length=254)),
                ('subject', models.CharField(max_length=200)),
                ('html', models.TextField()),
                ('text', models.TextField()),
                ('content_hash', models.CharField(max_length=64)),
                ('total', models.PositiveIntegerField(default=0, verbose_name='readers')),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mailings', to='issues.issue', verbose_name='issue')),
                ('certified_at', models.DateTimeField(help_text='empty while its copies are to be counted by their domains', null=True)),
                ('mailer', models.CharField(default='bulk', help_text='its name in settings.MAILERS', max_length=20)),
                ('note', models.TextField(blank=True, help_text='what a correction corrects, in Markdown')),
                ('segment', models.CharField(blank=True, help_text='“+tag”: its readers alone; “-tag”: all others; empty: everybody', max_length=201)),
                ('token_salt', models.CharField(default=newsletter.mail.tokens.new_salt, editable=False, help_text='what the tokens of its return paths are bound to; empty in mailings older than this', max_length=12)),
                ('paused_by', models.CharField(blank=True, choices=[('author', 'somebody at the desk paused it'), ('late', 'it was too late to begin by itself'), ('provider', 'the mail server refuses it'), ('receiver', 'a receiver refuses it'), ('addresses', 'the mail server says of too many addresses that they do not exist'), ('error', 'an error of the program'), ('quote', 'a reader has taken back a quote in it')], help_text='empty while it is not paused', max_length=10)),
                ('packed_at', models.DateTimeField(help_text='empty while copies are rows of their own', null=True)),
                ('counts_links', models.BooleanField(db_default=False, default=False, help_text='its links lead over this site')),
                ('thinned_at', models.DateTimeField(help_text='empty while each of its events is a row of its own', null=True)),
            ],
            options={
                'verbose_name': 'mailing',
                'verbose_name_plural': 'mailings',
                'ordering': ['-pk'],
                'indexes': [models.Index(models.F('finished_at'), condition=models.Q(('packed_at__isnull', True)), name='mailings_to_pack')],
                'constraints': [models.UniqueConstraint(fields=('issue', 'kind', 'number'), name='mailings_of_an_issue_are_numbered'), models.UniqueConstraint(condition=models.Q(('state__in', ['scheduled', 'sending', 'paused'])), fields=('issue', 'kind'), name='one_open_mailing_per_issue')],
            },
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('stopped', 'stopped by its provider'), ('late', 'too late to begin by itself'), ('unattended', 'no worker took it up'), ('uncertain', 'uncertain copies'), ('failing', 'many copies fail'), ('refused', 'refused by a receiver'), ('finished', 'finished'), ('announced', 'a program has scheduled it')], max_length=10)),
                ('detail', models.CharField(blank=True, help_text="the provider's words", max_length=500)),
                ('at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(help_text='when a pause ended: the next one is told again', null=True)),
                ('notified_at', models.DateTimeField(null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('mailing', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='delivery.mailing')),
                ('due_at', models.DateTimeField(help_text='when the mail about it is due', null=True)),
            ],
            options={
                'db_table': 'delivery_happening',
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('mailing', 'kind'), name='the_author_is_told_once')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('pk', models.CompositePrimaryKey('mailing_id', 'seq', blank=True, editable=False, primary_key=True, serialize=False)),
                ('seq', models.IntegerField()),
                ('state', models.SmallIntegerField(choices=[(0, 'queued'), (1, 'sent'), (2, 'failed'), (3, 'deferred'), (4, 'uncertain'), (5, 'skipped')], default=0)),
                ('attempts', models.SmallIntegerField(default=0)),
                ('sent_at', models.DateTimeField(help_text='when it was sent, or became uncertain', null=True)),
                ('provider_id', models.CharField(default='', max_length=200)),
                ('reply', models.CharField(default='', help_text="the provider's last words, or why it was skipped", max_length=500)),
                ('mailing', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='delivery.mailing')),
                ('subscriber', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='subscribers.subscriber')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('subscriber', 'mailing'), name='one_copy_per_subscriber')],
            },
        ),
        migrations.CreateModel(
            name='Batch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('no', models.PositiveIntegerField()),
                ('lo', models.PositiveIntegerField()),
                ('hi', models.PositiveIntegerField()),
                ('cursor', models.PositiveIntegerField()),
                ('pass_no', models.PositiveSmallIntegerField(default=1)),
                ('state', models.CharField(choices=[('open', 'open'), ('leased', 'leased'), ('done', 'done')], default='open', max_length=6)),
                ('token', models.PositiveIntegerField(default=0)),
                ('worker', models.CharField(default='', max_length=80)),
                ('lease_until', models.DateTimeField(null=True)),
                ('not_before', models.DateTimeField(null=True)),
                ('in_flight', models.PositiveSmallIntegerField(default=0)),
                ('sent', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('uncertain', models.PositiveIntegerField(default=0)),
                ('skipped', models.PositiveIntegerField(default=0)),
                ('mailing', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='batches', to='delivery.mailing')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('mailing', 'no'), name='batches_of_a_mailing_are_numbered'), models.CheckConstraint(condition=models.Q(('cursor__gte', models.F('lo')), ('cursor__lte', models.F('hi'))), name='cursor_stays_in_its_batch')],
            },
        ),
        migrations.CreateModel(
            name='Breakdown',
            fields=[
                ('by_domain', models.JSONField(default=dict, help_text='of each name the numbers in the order of Delivery.State')),
                ('by_verdict', models.JSONField(default=dict, help_text='failed copies by what newsletter.mail.smtp_replies says of them')),
                ('mailing', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='breakdown', serialize=False, to='delivery.mailing')),
                ('domains', models.JSONField(default=list, help_text='those counted by themselves, the largest first')),
                ('settled_at', models.DateTimeField(help_text='when everything was counted of a mailing that was closed; a later certificate outdates it', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='MailingStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('what', models.CharField(choices=[('approved', 'approved'), ('moved', 'moved to another time'), ('at once', 'hold ended'), ('begun', 'begun'), ('paused', 'paused'), ('resumed', 'resumed'), ('replaced', 'text replaced'), ('switched', 'provider switched'), ('counted', 'uncertain copies counted as sent'), ('again', 'uncertain copies to be sent again'), ('believed', 'refused addresses suppressed'), ('doubted', 'refused addresses not believed'), ('finished', 'finished'), ('cancelled', 'cancelled'), ('withheld', 'text taken out of the public list'), ('shown', 'text shown in the public list again')], max_length=10)),
                ('detail', models.CharField(blank=True, help_text='a reason, a hash, a provider or a number of rows', max_length=500)),
                ('mailing', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='delivery.mailing')),
                ('by', models.CharField(blank=True, help_text="a user's name, where an account acted", max_length=150)),
                ('send_at', models.DateTimeField(help_text='when the mailing is to begin, where the step says so', null=True)),
                ('via', models.CharField(blank=True, choices=[('desk', 'on the desk'), ('letter', 'by a link in a letter'), ('command', 'from the command line'), ('api', 'by the API'), ('engine', 'by itself')], help_text='empty in rows older than this', max_length=10)),
            ],
            options={'db_table': 'delivery_step', 'ordering': ['pk']},
        ),
        migrations.CreateModel(
            name='RateLimitState',
            fields=[
                ('key', models.CharField(max_length=300, primary_key=True, serialize=False)),
                ('free_at', models.FloatField(default=0, help_text='until when the line is taken')),
                ('taken_at', models.FloatField(default=0, help_text='when somebody last asked: a clock is behind it only if it was set back')),
                ('measured', models.FloatField(default=0, help_text='messages a second of the last seconds before that')),
                ('slowed_from', models.FloatField(default=0, help_text='messages a second when the provider asked for less; 0: never')),
                ('slowed_to', models.FloatField(default=0)),
                ('slowed_at', models.FloatField(default=0)),
                ('counted_on', models.DateField(help_text='the local day of a daily ceiling', null=True)),
                ('counted', models.PositiveIntegerField(default=0, help_text='messages of that day')),
            ],
            options={'db_table': 'delivery_pace'},
        ),
        migrations.CreateModel(
            name='CourseCopy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('begun_at', models.DateTimeField(help_text='when the course began')),
                ('planned_for', models.DateTimeField()),
                ('due_at', models.DateTimeField(help_text='when a copy that was put off is tried again', null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('sent_at', models.DateTimeField(null=True)),
                ('stopped_at', models.DateTimeField(null=True)),
                ('reply', models.CharField(blank=True, help_text='what the server answered', max_length=200)),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='issues.issue')),
                ('mailing', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='delivery.mailing')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='course_copies', to='subscribers.subscriber')),
            ],
            options={
                'verbose_name': 'first letter',
                'verbose_name_plural': 'first letters',
                'default_permissions': (),
                'indexes': [models.Index(models.F('planned_for'), condition=models.Q(('sent_at__isnull', True), ('stopped_at__isnull', True)), name='first_letters_to_send')],
                'constraints': [models.UniqueConstraint(fields=('subscriber', 'issue'), name='a_first_letter_once'), models.UniqueConstraint(fields=('subscriber', 'position'), name='one_first_letter_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='InboundMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=30)),
                ('key', models.CharField(help_text="the provider's own id, or a hash: nothing is stored twice", max_length=64)),
                ('body', models.BinaryField(help_text='octet by octet as it came')),
                ('about', models.JSONField(default=dict, help_text='of a mail: its envelope; of a request: headers that matter')),
                ('received_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('waiting', 'not read yet'), ('applied', 'read and applied'), ('unreadable', 'not understood'), ('unproven', 'reported by a mail that proves nothing')], default='waiting', max_length=10)),
                ('what', models.CharField(blank=True, choices=[('bounce', 'returned mail'), ('complaint', 'complaint'), ('leaving', 'leaving by mail'), ('auto-reply', 'automatic reply'), ('challenge', 'asks us to prove that we are a person'), ('reply', 'reply by a person'), ('notice', 'notice of a mail server'), ('request', 'request of a provider'), ('unknown', 'not understood, or not all of it')], max_length=10)),
                ('note', models.CharField(blank=True, help_text='why it was not understood, or changed nothing', max_length=500)),
                ('applied_at', models.DateTimeField(null=True)),
                ('mailing_id', models.BigIntegerField(help_text='of the copy that it is about, where that is certain', null=True)),
                ('seq', models.IntegerField(null=True)),
            ],
            options={
                'db_table': 'delivery_arrival',
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['id'], name='arrivals_to_apply'), models.Index(fields=['what', 'id'], name='arrivals_by_kind'), models.Index(fields=['applied_at'], name='arrivals_to_forget'), models.Index(condition=models.Q(('mailing_id__isnull', False)), fields=['mailing_id', 'seq'], name='arrivals_by_copy')],
                'constraints': [models.UniqueConstraint(fields=('source', 'key'), name='nothing_arrives_twice')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(help_text='“mail”, or the name of a provider', max_length=30)),
                ('source_id', models.CharField(help_text="the provider's own id of it, or a hash", max_length=128)),
                ('kind', models.CharField(choices=[('sent', 'accepted by the provider'), ('delivered', "delivered to the reader's server"), ('deferred', "put off by the reader's server"), ('bounced', 'was sent back'), ('rejected', 'refused by the provider itself'), ('failed', 'not sent by the provider'), ('complained', 'called unwanted by the reader'), ('unsubscribed', 'left through the provider, or by mail'), ('autoresponded', 'answered by a machine'), ('opened', 'opened'), ('clicked', 'a link was followed'), ('unknown', 'unknown to this program')], max_length=14)),
                ('verdict', models.CharField(blank=True, choices=[('hard', 'there is no such address'), ('soft', 'the address takes no mail at the moment'), ('policy', 'the receiver refuses us, or the letter')], max_length=6)),
                ('mailing_id', models.BigIntegerField(null=True)),
                ('seq', models.IntegerField(null=True)),
                ('address_hash', models.CharField(blank=True, help_text='of the address that it is about', max_length=32)),
                ('domain', models.CharField(blank=True, help_text='which receiver said so, of one that came back', max_length=100)),
                ('words', models.CharField(blank=True, help_text="the server's own, without addresses", max_length=500)),
                ('at', models.DateTimeField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'indexes': [models.Index(fields=['mailing_id', 'seq'], name='events_by_copy'), models.Index(condition=models.Q(('address_hash', ''), _negated=True), fields=['address_hash', 'at'], name='events_by_address'), models.Index(condition=models.Q(('verdict', 'policy')), fields=['mailing_id', 'domain'], name='events_by_receiver'), models.Index(condition=models.Q(('verdict', ''), _negated=True), fields=['mailing_id', 'verdict'], name='events_that_came_back'), models.Index(condition=models.Q(('kind', 'complained')), fields=['mailing_id'], name='events_of_complaint'), models.Index(condition=models.Q(('kind', 'delivered')), fields=['mailing_id', 'seq'], name='events_of_arrival')],
                'constraints': [models.UniqueConstraint(fields=('source', 'source_id'), name='an_event_is_kept_once')],
            },
        ),
        migrations.CreateModel(
            name='EventCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mailing_id', models.BigIntegerField()),
                ('kind', models.CharField(choices=[('sent', 'accepted by the provider'), ('delivered', "delivered to the reader's server"), ('deferred', "put off by the reader's server"), ('bounced', 'was sent back'), ('rejected', 'refused by the provider itself'), ('failed', 'not sent by the provider'), ('complained', 'called unwanted by the reader'), ('unsubscribed', 'left through the provider, or by mail'), ('autoresponded', 'answered by a machine'), ('opened', 'opened'), ('clicked', 'a link was followed'), ('unknown', 'unknown to this program')], max_length=14)),
                ('verdict', models.CharField(blank=True, choices=[('hard', 'there is no such address'), ('soft', 'the address takes no mail at the moment'), ('policy', 'the receiver refuses us, or the letter')], max_length=6)),
                ('count', models.PositiveIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('mailing_id', 'kind', 'verdict'), name='thinned_events_are_counted_once')],
            },
        ),
        migrations.CreateModel(
            name='MailFetch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('looked_at', models.DateTimeField(help_text='when it answered last', null=True)),
                ('failing_since', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='Feedback',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('answer', models.CharField(choices=[('helpful', 'helpful'), ('fair', 'so-so')], max_length=10)),
                ('given_at', models.DateTimeField()),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='feedback', to='issues.issue')),
                ('subscriber', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='feedback', to='subscribers.subscriber')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('issue', 'subscriber'), name='one_answer_per_reader_and_issue')],
            },
        ),
        migrations.CreateModel(
            name='Link',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.CharField(max_length=24, unique=True)),
                ('url', models.TextField()),
                ('words', models.CharField(blank=True, help_text='what readers see of it', max_length=200)),
                ('mailing', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='links', to='delivery.mailing')),
            ],
            options={'ordering': ['pk']},
        ),
        migrations.CreateModel(
            name='LinkDayCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('people', models.PositiveIntegerField(default=0)),
                ('machines', models.PositiveIntegerField(default=0)),
                ('link', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='days', to='delivery.link')),
            ],
            options={
                'db_table': 'delivery_daycount',
                'constraints': [models.UniqueConstraint(fields=('link', 'day'), name='a_day_of_a_link_is_counted_once')],
            },
        ),
        migrations.CreateModel(
            name='Visit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('who', models.CharField(help_text='of network and program', max_length=16)),
                ('network', models.CharField(help_text='of the network alone', max_length=16)),
                ('at', models.DateTimeField()),
                ('is_machine', models.BooleanField(default=False)),
                ('link', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='visits', to='delivery.link')),
            ],
            options={
                'indexes': [models.Index(fields=['day'], name='visits_by_day')],
                'constraints': [models.UniqueConstraint(fields=('link', 'day', 'who'), name='a_visit_counts_once_a_day')],
            },
        ),
        migrations.CreateModel(
            name='DaySalt',
            fields=[
                ('day', models.DateField(primary_key=True, serialize=False)),
                ('salt', models.CharField(max_length=12)),
            ],
        ),
        migrations.CreateModel(
            name='OnceMore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(db_index=True, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('sent_at', models.DateTimeField(null=True)),
                ('reply', models.CharField(blank=True, help_text='what the server answered', max_length=200)),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='issues.issue')),
                ('mailing', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='delivery.mailing')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='once_more', to='subscribers.subscriber')),
            ],
            options={
                'verbose_name': 'issue sent once more',
                'verbose_name_plural': 'issues sent once more',
                'constraints': [models.UniqueConstraint(fields=('subscriber', 'issue'), name='once_more_and_no_third_time')],
            },
        ),
        migrations.CreateModel(
            name='Pack',
            fields=[
                ('batch', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='pack', serialize=False, to='delivery.batch')),
                ('mailing', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='packs', to='delivery.mailing')),
                ('first', models.BigIntegerField(help_text='the lowest number of a reader in it; empty if all were erased', null=True)),
                ('last', models.BigIntegerField(null=True)),
                ('rows', models.BinaryField()),
            ],
            options={'indexes': [models.Index(fields=['mailing', 'first', 'last', 'batch'], name='packs_by_reader')]},
        ),
        migrations.CreateModel(
            name='Reply',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_certain', models.BooleanField(default=False)),
                ('key', models.CharField(help_text='the same mail by two ways is one', max_length=64, unique=True)),
                ('message_id', models.CharField(blank=True, max_length=260)),
                ('sender', models.CharField(max_length=254, verbose_name='from')),
                ('sender_name', models.CharField(blank=True, max_length=120)),
                ('subject', models.CharField(blank=True, max_length=200, verbose_name='subject')),
                ('text', models.TextField(blank=True)),
                ('quoted', models.TextField(blank=True)),
                ('files', models.JSONField(default=list, help_text='of each: number of the part, name, kind, octets')),
                ('more_files', models.PositiveIntegerField(default=0)),
                ('note', models.TextField(blank=True, max_length=2000, verbose_name='note')),
                ('received_at', models.DateTimeField()),
                ('answered_at', models.DateTimeField(null=True)),
                ('issue', models.ForeignKey(null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='replies', to='issues.issue')),
                ('subscriber', models.ForeignKey(null=True, on_delete=django.db.models.deletion.DB_CASCADE, related_name='replies', to='subscribers.subscriber')),
                ('thread', models.ForeignKey(null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='later', to='delivery.reply')),
            ],
            options={
                'verbose_name': 'reply of a reader',
                'verbose_name_plural': 'replies of readers',
                'ordering': ['-pk'],
                'default_permissions': (),
                'indexes': [models.Index(models.F('id'), condition=models.Q(('answered_at', None), ('subscriber__isnull', False)), name='replies_to_answer'), models.Index(models.F('id'), condition=models.Q(('subscriber', None)), name='replies_by_strangers'), models.Index(fields=['message_id'], name='replies_by_message_id'), models.Index(fields=['received_at'], name='replies_to_forget')],
            },
        ),
        migrations.CreateModel(
            name='ReplyMail',
            fields=[
                ('reply', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, primary_key=True, related_name='mail', serialize=False, to='delivery.reply')),
                ('body', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='ReplyTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('reply', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='tags', to='delivery.reply')),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(fields=('name', 'reply'), name='a_reply_is_tagged_once')],
            },
        ),
        migrations.CreateModel(
            name='Answer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(max_length=10000)),
                ('digest', models.CharField(help_text='of the words: the same answer goes once', max_length=32)),
                ('message_id', models.CharField(blank=True, max_length=260)),
                ('by', models.CharField(blank=True, help_text='who wrote it on the desk; empty: by mail', max_length=150)),
                ('written_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(db_index=True, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('sent_at', models.DateTimeField(null=True)),
                ('response', models.CharField(blank=True, help_text='what the server answered', max_length=200)),
                ('reply', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='answers', to='delivery.reply')),
            ],
            options={
                'verbose_name': 'answer to a reader',
                'verbose_name_plural': 'answers to readers',
                'ordering': ['written_at', 'pk'],
                'default_permissions': (),
                'indexes': [models.Index(fields=['message_id'], name='answers_by_message_id')],
                'constraints': [models.UniqueConstraint(fields=('reply', 'digest'), name='an_answer_goes_once')],
            },
        ),
        migrations.CreateModel(
            name='Quote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('passage', models.TextField(max_length=1500)),
                ('digest', models.CharField(help_text='of the words: nobody is asked twice', max_length=32)),
                ('salt', models.CharField(default=newsletter.mail.tokens.new_salt, max_length=20)),
                ('state', models.CharField(choices=[('asked', 'asked'), ('allowed', 'allowed'), ('declined', 'declined'), ('withdrawn', 'taken back')], default='asked', max_length=10)),
                ('name', models.CharField(blank=True, help_text='as the reader is to be called; empty: a reader', max_length=40)),
                ('by', models.CharField(blank=True, max_length=150)),
                ('asked_at', models.DateTimeField()),
                ('answered_at', models.DateTimeField(null=True)),
                ('placed_at', models.DateTimeField(null=True)),
                ('due_at', models.DateTimeField(db_index=True, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('sent_at', models.DateTimeField(null=True)),
                ('response', models.CharField(blank=True, help_text='what the server answered', max_length=200)),
                ('issue', models.ForeignKey(null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='quotes', to='issues.issue')),
                ('reply', models.ForeignKey(null=True, on_delete=django.db.models.deletion.DB_SET_NULL, related_name='quotes', to='delivery.reply')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='quotes', to='subscribers.subscriber')),
            ],
            options={
                'verbose_name': 'quote of a reader',
                'verbose_name_plural': 'quotes of readers',
                'ordering': ['placed_at', 'pk'],
                'default_permissions': (),
                'indexes': [models.Index(models.F('id'), condition=models.Q(('issue', None), ('state', 'allowed')), name='quotes_to_place')],
                'constraints': [models.UniqueConstraint(fields=('subscriber', 'digest'), name='a_reader_is_asked_once'), models.CheckConstraint(condition=models.Q(('issue', None), ('state', 'allowed'), _connector='OR'), name='only_what_is_allowed_stands_in_an_issue')],
            },
        ),
        migrations.CreateModel(
            name='Refusal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seq', models.IntegerField()),
                ('verdict', models.CharField(max_length=10)),
                ('state', models.CharField(choices=[('waiting', 'not judged yet'), ('suppressed', 'its address was suppressed'), ('counted', 'counted, and nothing more')], default='waiting', max_length=10)),
                ('at', models.DateTimeField()),
                ('mailing', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='refusals', to='delivery.mailing')),
                ('subscriber', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='refusals', to='subscribers.subscriber')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['mailing'], name='refusals_to_judge')],
                'constraints': [models.UniqueConstraint(fields=('mailing', 'seq'), name='a_copy_is_refused_once')],
            },
        ),
        migrations.CreateModel(
            name='Rehearsal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('segment', models.CharField(blank=True, help_text='as in Mailing', max_length=201)),
                ('digest', models.CharField(help_text='of what was rehearsed: digest_of', max_length=64)),
                ('started_at', models.DateTimeField()),
                ('begun_at', models.DateTimeField(help_text='when a worker began to look outside', null=True)),
                ('told_at', models.DateTimeField(help_text='when the last progress was made')),
                ('finished_at', models.DateTimeField(null=True)),
                ('links', models.JSONField(default=list, help_text='the addresses of others that are asked')),
                ('asked', models.PositiveIntegerField(default=0)),
                ('remarks', models.JSONField(default=list)),
                ('copies', models.JSONField(default=list, help_text='the hardest readers, as their copies were written')),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rehearsals', to='issues.issue')),
            ],
            options={'verbose_name': 'rehearsal', 'verbose_name_plural': 'rehearsals', 'ordering': ['-pk']},
        ),
        migrations.CreateModel(
            name='Reminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('draft', 'a draft is due'), ('letter', 'the letter, to be approved'), ('missed', 'nothing was sent at the slot')], max_length=10)),
                ('slot_at', models.DateTimeField()),
                ('content_hash', models.CharField(blank=True, max_length=64)),
                ('text', models.TextField(blank=True)),
                ('answer', models.CharField(blank=True, choices=[('approved', 'approved'), ('moved', 'moved by a week'), ('skipped', 'skipped')], max_length=10)),
                ('answered_at', models.DateTimeField(null=True)),
                ('moved_to', models.DateTimeField(help_text='the slot instead of this one', null=True)),
                ('at', models.DateTimeField()),
                ('notified_at', models.DateTimeField(null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('issue', models.ForeignKey(null=True, on_delete=newsletter.delivery.models.reminders.keep_drafts, related_name='reminders', to='issues.issue')),
                ('token_salt', models.CharField(default=newsletter.mail.tokens.new_salt, editable=False, help_text='empty in rows whose mail left before tokens were bound to it', max_length=12)),
                ('detail', models.TextField(blank=True, help_text="sentences for the author, in the publication's language")),
                ('reason', models.CharField(blank=True, choices=[('off_rhythm', 'the rhythm was moved, and this time is no slot any more'), ('untold', 'the letter to approve could not be mailed to anybody'), ('edited', 'the issue was changed after the letter to approve'), ('obstacle', 'the issue could not be sent as it was'), ('unshown', 'readers would not get everything as it was typed, and nobody has acknowledged that'), ('too_soon', 'another issue is too close to it'), ('down', 'nothing was running at that time'), ('unanswered', 'nobody approved it')], max_length=10)),
                ('due_at', models.DateTimeField(help_text='when the mail is due', null=True)),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('slot_at', 'kind'), name='one_reminder_of_a_kind_for_a_slot'), models.CheckConstraint(condition=models.Q(('kind', 'draft'), ('issue__isnull', False), _connector='OR'), name='a_letter_is_of_an_issue'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'missed'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='what_was_missed_has_a_reason')],
            },
        ),
        migrations.CreateModel(
            name='Restoration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('noticed_at', models.DateTimeField()),
                ('departures', models.PositiveIntegerField(default=0, help_text='departures that the database had forgotten')),
                ('records', models.JSONField(default=list, help_text='of recorders that know more: batch, token, first row, marks')),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision', models.CharField(blank=True, choices=[('counted', 'what the recorders know counts as sent'), ('went on', 'all goes on as the database has it'), ('cancelled', 'every open mailing was cancelled')], max_length=10)),
                ('made_at', models.DateTimeField(help_text='when the backup was made, if a restore has said so', null=True)),
            ],
            options={
                'indexes': [models.Index(models.F('decided_at'), condition=models.Q(('decided_at__isnull', True)), name='restorations_to_decide')],
            },
        ),
        migrations.CreateModel(
            name='ResultLetter',
            fields=[
                ('issue', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='result_letter', serialize=False, to='issues.issue')),
                ('mailing', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='delivery.mailing')),
                ('at', models.DateTimeField()),
                ('notified_at', models.DateTimeField(null=True)),
                ('due_at', models.DateTimeField(help_text='when the mail is due; empty if there is none to send', null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
            ],
            options={'ordering': ['pk'], 'default_permissions': ()},
        ),
        migrations.RunPython(leave_room_for_updates),
        migrations.RunPython(protect),
    ]
