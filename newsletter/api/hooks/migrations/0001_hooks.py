import django.db.models.deletion
import newsletter.api.hooks.models
import newsletter.api.hooks.signing
from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            name='Hook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.URLField(max_length=500, verbose_name='address')),
                ('note', models.CharField(blank=True, max_length=80, verbose_name='what it is for')),
                ('shows_addresses', models.BooleanField(default=False, verbose_name='with the mail address of the reader')),
                ('secret', models.CharField(default=newsletter.api.hooks.signing.new_secret, max_length=100)),
                ('old_secret', models.CharField(blank=True, max_length=100)),
                ('old_secret_until', models.DateTimeField(null=True)),
                ('off', models.CharField(blank=True, choices=[('author', 'switched off at the desk'), ('gone', 'switched off: it says that it is gone for good (410)'), ('failing', 'switched off: it took nothing for three days')], db_default='', help_text='why; empty: it is on', max_length=10)),
                ('failures', models.PositiveSmallIntegerField(default=0, help_text='in a row')),
                ('failing_since', models.DateTimeField(null=True)),
                ('retry_at', models.DateTimeField(null=True)),
                ('lease_until', models.DateTimeField(help_text='a worker has it until then', null=True)),
                ('worker', models.CharField(blank=True, max_length=32)),
                ('test', models.BigIntegerField(help_text='the call that goes first while it waits', null=True)),
                ('restored_at', models.DateTimeField(help_text='the restore after which older calls were held back', null=True)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'webhook',
                'verbose_name_plural': 'webhooks',
                'ordering': ['pk'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Call',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.CharField(choices=[('reader.confirmed', 'A reader has confirmed, or come back'), ('reader.left', 'A reader has left'), ('reader.suppressed', 'No mail goes to a reader any more'), ('post.published', 'A post is public'), ('issue.scheduled', 'An issue is scheduled, or moved to another time'), ('issue.begun', 'An issue begins to go out'), ('issue.paused', 'An issue has stopped'), ('issue.sent', 'An issue is sent'), ('issue.result_ready', 'The result of an issue is there'), ('webhook.test', 'A test')], max_length=20)),
                ('about', models.BigIntegerField(help_text='number of the reader, post, step of a mailing, or issue', null=True)),
                ('detail', models.CharField(blank=True, db_default='', help_text='the reason of a suppression', max_length=20)),
                ('at', models.DateTimeField(help_text='when it happened')),
                ('message_id', models.CharField(default=newsletter.api.hooks.models.new_message_id, help_text='the same at each try', max_length=40)),
                ('state', models.CharField(choices=[('waiting', 'waits'), ('sent', 'taken'), ('failed', 'not taken'), ('held', 'held back'), ('void', 'not sent: it is about nothing that is there')], db_default='waiting', max_length=8)),
                ('tries', models.PositiveSmallIntegerField(db_default=0)),
                ('tried_at', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
                ('status', models.PositiveSmallIntegerField(help_text='of HTTP', null=True)),
                ('answer', models.TextField(blank=True, db_default='', help_text='its beginning')),
                ('trouble', models.CharField(blank=True, db_default='', help_text='why there was no answer', max_length=200)),
                ('milliseconds', models.PositiveIntegerField(null=True)),
                ('hook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DB_CASCADE, related_name='calls', to='hooks.hook')),
            ],
            options={
                'verbose_name': 'call of a webhook',
                'verbose_name_plural': 'calls of webhooks',
                'ordering': ['pk'],
                'default_permissions': (),
                'indexes': [models.Index(fields=['hook', 'state', 'id'], name='calls_of_a_hook'), models.Index(condition=models.Q(('settled_at__isnull', False)), fields=['settled_at'], name='calls_to_forget'), models.Index(condition=models.Q(('event__in', ['reader.confirmed', 'reader.left', 'reader.suppressed'])), fields=['about'], name='calls_by_reader')],
            },
        ),
        migrations.CreateModel(
            name='HookEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.CharField(choices=[('reader.confirmed', 'A reader has confirmed, or come back'), ('reader.left', 'A reader has left'), ('reader.suppressed', 'No mail goes to a reader any more'), ('post.published', 'A post is public'), ('issue.scheduled', 'An issue is scheduled, or moved to another time'), ('issue.begun', 'An issue begins to go out'), ('issue.paused', 'An issue has stopped'), ('issue.sent', 'An issue is sent'), ('issue.result_ready', 'The result of an issue is there'), ('webhook.test', 'A test')], max_length=20)),
                ('since', models.DateTimeField(help_text='what happened before is not told')),
                ('hook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='hooks.hook')),
            ],
            options={
                'ordering': ['pk'],
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('event', 'hook'), name='a_hook_wants_an_event_once')],
            },
        ),
    ]
