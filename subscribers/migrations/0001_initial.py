import django.db.models.deletion
import newsletter.mail.tokens
from django.db import migrations, models

REFUSED = "the record of consent only grows"
# All columns but `ip`, which may be shortened with age.
PROTECTED = {
    "subscribers_consent": "id, subscriber_id, kind, at, source, text_id, address_hash, notice_id",
    "subscribers_consenttext": "id, digest, words",
}


def protect(apps, schema_editor):
    """Have the database refuse to change what is recorded. Who is erased is erased with his record.

    A later migration that makes SQLite copy one of these tables drops its trigger: create it again there.
    """
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE FUNCTION subscribers_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for table, columns in PROTECTED.items():
        head = f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OF {columns} ON {table}"
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"{head} FOR EACH ROW EXECUTE FUNCTION subscribers_refuse_change()")
        else:
            schema_editor.execute(f"{head} BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END")


class Migration(migrations.Migration):
    replaces = [('subscribers', name) for name in '''
        0002_tags_are_found 0003_address_changes 0004_consent_is_a_record 0005_what_is_known_of_consent
        0006_the_record_only_grows 0007_links_are_bound 0010_mail_budget 0011_see_readers 0012_unsent_mail
        0014_tags_have_tables 0015_tags_are_copied 0016_tags_are_a_relation 0018_welcome_due_at 0019_day_counts
        0020_notes 0021_movements 0022_link_wishes 0023_acts 0024_consents_by_source 0025_notices 0026_sentences
        0027_pauses 0028_confirmation_reminders 0029_heard 0030_invitations 0031_sentences_by_issue 0032_origin_counts
        0033_suppressions_are_reopened
    '''.split()]

    operations = [
        migrations.CreateModel(
            name='ConsentText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('words', models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name='Forgotten',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name='MailBudget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mailbox', models.CharField(help_text='a digest under the secret of the installation', max_length=32)),
                ('latest', models.DateTimeField(null=True)),
                ('second', models.DateTimeField(null=True)),
                ('third', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(models.F('latest'), name='budgets_by_age')],
                'constraints': [models.UniqueConstraint(fields=('mailbox',), name='one_budget_per_mailbox')],
            },
        ),
        migrations.CreateModel(
            name='Suppression',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_hash', models.CharField(editable=False, max_length=32, unique=True)),
                ('email', models.EmailField(blank=True, help_text='Empty when the reader was erased.', max_length=254, verbose_name='address')),
                ('reason', models.CharField(choices=[('bounced', 'bounced'), ('complained', 'complained'), ('manual', 'by hand'), ('erased', 'erased')], max_length=10, verbose_name='reason')),
                ('note', models.CharField(blank=True, max_length=500, verbose_name='note')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='since')),
                ('reopened_at', models.DateTimeField(editable=False, help_text='since when a confirmation by its owner ends it, which the author allowed', null=True)),
            ],
            options={
                'verbose_name': 'suppressed address',
                'verbose_name_plural': 'suppressed addresses',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='ReaderTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, unique=True, verbose_name='name')),
            ],
            options={
                'db_table': 'subscribers_tag',
                'verbose_name': 'tag',
                'verbose_name_plural': 'tags',
                'ordering': ['name'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Unsent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(choices=[('sign-up', 'sign-up'), ('change', 'change of address'), ('link', 'link that is asked for')], max_length=10)),
                ('at', models.DateTimeField(db_index=True)),
                ('reason', models.CharField(help_text='in a word and a code, without any address', max_length=200)),
            ],
            options={
                'verbose_name': 'mail that was given up',
                'verbose_name_plural': 'mails that were given up',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='DayCount',
            fields=[
                ('on', models.DateField(primary_key=True, serialize=False, verbose_name='day')),
                ('readers', models.PositiveIntegerField(verbose_name='readers')),
            ],
            options={'verbose_name': 'readers of a day', 'verbose_name_plural': 'readers of a day', 'ordering': ['on']},
        ),
        migrations.CreateModel(
            name='LinkWish',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('address_hash', models.CharField(max_length=32)),
                ('asked_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'request for a link',
                'verbose_name_plural': 'requests for a link',
                'constraints': [models.UniqueConstraint(fields=('address_hash',), name='one_wish_per_address')],
            },
        ),
        migrations.CreateModel(
            name='OriginCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('on', models.DateField(verbose_name='day')),
                ('kind', models.CharField(max_length=10, verbose_name='kind of source')),
                ('name', models.CharField(blank=True, max_length=100, verbose_name='source')),
                ('came', models.PositiveIntegerField(verbose_name='came')),
                ('stayed', models.PositiveIntegerField(null=True, verbose_name='still read after a quarter')),
            ],
            options={
                'ordering': ['on', 'kind', 'name'],
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('on', 'kind', 'name'), name='a_source_is_counted_once_a_day')],
            },
        ),
        migrations.CreateModel(
            name='Subscriber',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(db_index=True, max_length=254, verbose_name='address')),
                ('address_hash', models.CharField(editable=False, max_length=32, unique=True)),
                ('name', models.CharField(blank=True, max_length=80, verbose_name='name')),
                ('state', models.CharField(choices=[('pending', 'not confirmed'), ('active', 'active'), ('paused', 'paused'), ('unsubscribed', 'unsubscribed')], default='pending', max_length=12, verbose_name='state')),
                ('paused_until', models.DateTimeField(blank=True, null=True, verbose_name='paused until')),
                ('unsubscribed_at', models.DateTimeField(blank=True, null=True, verbose_name='left')),
                ('signup_round', models.PositiveIntegerField(default=1, editable=False)),
                ('asked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('asked_times', models.PositiveIntegerField(default=0, editable=False)),
                ('confirmation_due_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('confirmation_sent_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('confirmation_tries', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('confirmed_at', models.DateTimeField(blank=True, null=True, verbose_name='confirmed')),
                ('welcomed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='signed up')),
                ('token_salt', models.CharField(default=newsletter.mail.tokens.new_salt, editable=False, max_length=12)),
                ('old_links_of', models.CharField(blank=True, editable=False, help_text='hash of the address whose unbound links still open', max_length=32)),
                ('welcome_due_at', models.DateTimeField(blank=True, editable=False, help_text='when a welcome that was put off is tried again', null=True)),
            ],
            options={
                'verbose_name': 'reader',
                'verbose_name_plural': 'readers',
                'ordering': ['-pk'],
                'permissions': [('see_readers', "Can see readers' addresses"), ('export_readers', 'Can export all readers')],
                'indexes': [models.Index(fields=['state', 'id'], name='readers_by_state'), models.Index(models.F('confirmation_due_at'), condition=models.Q(('confirmation_due_at__isnull', False)), name='confirmations_due'), models.Index(models.F('confirmation_sent_at'), condition=models.Q(('confirmation_sent_at__isnull', False), ('state', 'pending')), name='sign_ups_to_remind_of'), models.Index(models.F('confirmed_at'), name='readers_who_came'), models.Index(models.F('unsubscribed_at'), condition=models.Q(('unsubscribed_at__isnull', False)), name='readers_who_left'), models.Index(models.F('confirmed_at'), condition=models.Q(('confirmed_at__isnull', False), ('welcomed_at__isnull', True)), name='readers_to_welcome')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('state', 'paused'), _negated=True), ('paused_until__isnull', False), _connector='OR'), name='a_pause_has_an_end'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['active', 'paused']), _negated=True), ('confirmed_at__isnull', False), _connector='OR'), name='readers_have_confirmed'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'unsubscribed'), _negated=True), ('unsubscribed_at__isnull', False), _connector='OR'), name='leaving_has_a_date')],
            },
        ),
        migrations.CreateModel(
            name='Act',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(choices=[('tagged', 'tag given'), ('untagged', 'tag taken'), ('paused', 'paused'), ('resumed', 'pause ended'), ('suppressed', 'suppressed'), ('lifted', 'may be mailed again'), ('asked', 'asked to confirm again'), ('reopened', 'may sign up again')], max_length=10, verbose_name='what happened')),
                ('detail', models.CharField(blank=True, help_text='the tag; of a pause, its end as ISO 8601', max_length=200)),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.CharField(blank=True, help_text="a user's name", max_length=150, verbose_name='by')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='acts', to='subscribers.subscriber')),
            ],
            options={
                'verbose_name': 'act',
                'verbose_name_plural': 'acts',
                'ordering': ['pk'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='AddressChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, verbose_name='new address')),
                ('former', models.EmailField(blank=True, help_text='empty until the new one has confirmed', max_length=254, verbose_name='former address')),
                ('asked_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('due_at', models.DateTimeField(blank=True, help_text='when its next mail is due', null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='address_changes', to='subscribers.subscriber')),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('token_salt', models.CharField(default=newsletter.mail.tokens.new_salt, editable=False, max_length=12)),
            ],
            options={
                'verbose_name': 'change of address',
                'verbose_name_plural': 'changes of address',
                'ordering': ['-pk'],
                'indexes': [models.Index(models.F('due_at'), condition=models.Q(('due_at__isnull', False)), name='changes_due')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('confirmed_at', None)), fields=('subscriber',), name='one_open_change_per_reader')],
            },
        ),
        migrations.CreateModel(
            name='ConfirmationReminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('made_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(db_index=True, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('sent_at', models.DateTimeField(null=True)),
                ('subscriber', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, related_name='confirmation_reminder', to='subscribers.subscriber')),
            ],
            options={
                'verbose_name': 'reminder to confirm',
                'verbose_name_plural': 'reminders to confirm',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Consent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('asked', 'asked'), ('confirmed', 'confirmed'), ('withdrew', 'left'), ('came back', 'came back'), ('moved', 'moved to another address'), ('imported', 'brought in by the author')], max_length=10, verbose_name='what happened')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('source', models.CharField(blank=True, max_length=200, verbose_name='through')),
                ('ip', models.GenericIPAddressField(null=True, verbose_name='from address')),
                ('address_hash', models.CharField(help_text='of the address at that time; of a move, the one left', max_length=32)),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='consents', to='subscribers.subscriber')),
                ('text', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='subscribers.consenttext', verbose_name='text shown')),
                ('notice', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='subscribers.consenttext', verbose_name='notice')),
            ],
            options={
                'verbose_name': 'line of the record',
                'verbose_name_plural': 'record of the subscription',
                'ordering': ['pk'],
                'indexes': [models.Index(fields=['source', 'subscriber'], name='consents_by_source')],
            },
        ),
        migrations.CreateModel(
            name='FreshLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(db_index=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('subscriber', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='fresh_link', to='subscribers.subscriber')),
            ],
            options={'verbose_name': 'link that is asked for', 'verbose_name_plural': 'links that are asked for'},
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='invitations_waiting', to='subscribers.subscriber')),
                ('newcomer', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, related_name='invitation_waiting', to='subscribers.subscriber')),
            ],
            options={
                'verbose_name': 'invitation of a reader',
                'verbose_name_plural': 'invitations of readers',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Invited',
            fields=[
                ('subscriber', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, primary_key=True, related_name='invited', serialize=False, to='subscribers.subscriber')),
                ('readers', models.PositiveIntegerField(default=0, verbose_name='readers')),
            ],
            options={
                'verbose_name': 'readers invited by a reader',
                'verbose_name_plural': 'readers invited by readers',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Note',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('by', models.CharField(blank=True, help_text="a user's name", max_length=150, verbose_name='by')),
                ('text', models.TextField(max_length=2000, verbose_name='note')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='notes', to='subscribers.subscriber')),
            ],
            options={
                'verbose_name': 'note',
                'verbose_name_plural': 'notes',
                'ordering': ['pk'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Pause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('began_at', models.DateTimeField(verbose_name='paused')),
                ('until', models.DateTimeField(help_text='as they chose, or when they came back before', verbose_name='paused until')),
                ('due_at', models.DateTimeField(help_text='when a mail that was put off is tried again', null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('settled_at', models.DateTimeField(help_text='when they were told what they missed, or had missed nothing', null=True)),
                ('subscriber', models.OneToOneField(on_delete=django.db.models.deletion.DB_CASCADE, related_name='last_pause', to='subscribers.subscriber')),
            ],
            options={
                'verbose_name': 'pause',
                'verbose_name_plural': 'pauses',
                'default_permissions': (),
                'indexes': [models.Index(models.F('until'), condition=models.Q(('settled_at__isnull', True)), name='pauses_to_tell_of')],
            },
        ),
        migrations.CreateModel(
            name='Tagging',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subscriber', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DB_CASCADE, related_name='taggings', to='subscribers.subscriber')),
                ('tag', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DB_CASCADE, related_name='taggings', to='subscribers.readertag')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['tag', 'subscriber'], name='readers_by_tag')],
                'constraints': [models.UniqueConstraint(fields=('subscriber', 'tag'), name='a_reader_has_a_tag_once')],
            },
        ),
        migrations.CreateModel(
            name='Sentence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('feedback', 'about an issue'), ('left', 'when leaving'), ('heard', 'how they heard of it')], max_length=10, verbose_name='what about')),
                ('issue', models.PositiveIntegerField(null=True, verbose_name='issue')),
                ('text', models.TextField(max_length=500, verbose_name='sentence')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('answered_at', models.DateTimeField(null=True, verbose_name='answered')),
                ('subscriber', models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name='sentences', to='subscribers.subscriber')),
            ],
            options={
                'verbose_name': 'sentence of a reader',
                'verbose_name_plural': 'sentences of readers',
                'ordering': ['-pk'],
                'default_permissions': (),
                'indexes': [models.Index(models.F('id'), condition=models.Q(('answered_at', None)), name='sentences_to_answer'), models.Index(models.F('issue'), condition=models.Q(('issue__isnull', False)), name='sentences_by_issue')],
            },
        ),
        migrations.AddField(
            model_name='Subscriber',
            name='tags',
            field=models.ManyToManyField(blank=True, related_name='subscribers', through='subscribers.Tagging', to='subscribers.readertag', verbose_name='tags'),
        ),
        migrations.RunPython(protect),
    ]
