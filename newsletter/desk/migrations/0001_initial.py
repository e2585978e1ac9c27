import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [('desk', name) for name in '''
        0001_failure_counts 0002_changes_of_texts 0003_work_on_readers 0004_suppression_lists 0005_moves_of_posts
    '''.split()]

    dependencies = [('posts', '0001_initial'), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='FailureCount',
            fields=[
                ('who', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('failures', models.PositiveSmallIntegerField()),
                ('closes_at', models.DateTimeField(db_index=True)),
            ],
            options={'verbose_name': 'failed attempts', 'verbose_name_plural': 'failed attempts'},
        ),
        migrations.CreateModel(
            name='Errand',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('tag', 'Give a tag'), ('untag', 'Take a tag away'), ('pause', 'Pause'), ('unsubscribe', 'Unsubscribe'), ('suppress', 'Never mail again'), ('export', 'Export as a file'), ('import', 'Import from a file'), ('bar', 'Import a suppression list')], max_length=12)),
                ('state', models.CharField(choices=[('draft', 'not begun'), ('trying', 'being tried'), ('tried', 'tried, not begun'), ('running', 'at work'), ('done', 'done'), ('stopped', 'stopped'), ('failed', 'failed')], default='running', max_length=8)),
                ('about', models.CharField(help_text='which readers, in words, as its author saw it', max_length=500)),
                ('chosen', models.JSONField(default=dict, help_text='which readers, for selection.py; of an import, its columns')),
                ('options', models.JSONField(default=dict, help_text='tag, until, reason; of an import, how its readers agreed')),
                ('by', models.CharField(help_text="a user's name", max_length=150)),
                ('total', models.PositiveBigIntegerField(help_text='readers that were counted, or bytes of a file', null=True)),
                ('cursor', models.PositiveBigIntegerField(default=0, help_text='last reader, or row of a file, that is done with')),
                ('position', models.PositiveBigIntegerField(default=0, help_text='of `total`, what is done with')),
                ('counts', models.JSONField(default=dict, help_text='how many came to which end')),
                ('problems', models.JSONField(default=list, help_text='the first lines of a file that were refused, and why')),
                ('folder', models.CharField(blank=True, help_text='where its files are; empty once they are gone', max_length=40)),
                ('size', models.PositiveBigIntegerField(default=0, help_text='bytes of the file that it writes, as far as it is valid')),
                ('created_at', models.DateTimeField()),
                ('begun_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('lease_until', models.DateTimeField(help_text='a worker has it until then', null=True)),
                ('worker', models.CharField(blank=True, max_length=32)),
                ('tries', models.PositiveSmallIntegerField(default=0, help_text='turns since the last one that achieved something')),
                ('error', models.CharField(blank=True, help_text='why it failed', max_length=500)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'work on readers',
                'verbose_name_plural': 'work on readers',
                'ordering': ['-pk'],
                'default_permissions': (),
                'indexes': [models.Index(condition=models.Q(('state__in', ['trying', 'running'])), fields=['id'], name='errands_at_work')],
            },
        ),
        migrations.CreateModel(
            name='PostImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('ready', 'not begun'), ('working', 'at work'), ('tried', 'tried, nothing written yet'), ('done', 'done'), ('stopped', 'stopped'), ('failed', 'did not get any further')], default='ready', max_length=8)),
                ('is_trial', models.BooleanField(default=True)),
                ('stage', models.CharField(choices=[('folder', 'a folder of Markdown'), ('posts', 'posts'), ('links', 'links between posts'), ('issues', 'issues of the archive')], default='folder', max_length=6)),
                ('name', models.CharField(help_text='of the file, as its author calls it', max_length=200)),
                ('program', models.CharField(blank=True, help_text='that wrote the file; empty until it was converted', max_length=40)),
                ('folder', models.CharField(blank=True, help_text='where its files are; empty once they are gone', max_length=40)),
                ('file', models.CharField(help_text='what the export is called there', max_length=20)),
                ('kept', models.PositiveBigIntegerField(default=0, help_text='bytes of the file of old pages, as far as it is valid')),
                ('site', models.CharField(blank=True, help_text='where the posts were read until now', max_length=200)),
                ('fetches', models.BooleanField(default=False, help_text='whether the web is asked for pictures')),
                ('as_issues', models.BooleanField(default=False, help_text='whether what was mailed becomes issues of the archive')),
                ('total', models.PositiveIntegerField(default=0, help_text='texts of the file')),
                ('cursor', models.PositiveIntegerField(default=0, help_text='texts that this stage is done with')),
                ('counts', models.JSONField(default=dict, help_text='how many texts came to which end, and of which kind they are')),
                ('totals', models.JSONField(default=dict, help_text='by the names of the account: how many before, and after')),
                ('links', models.PositiveIntegerField(default=0, help_text='between posts, which lead to the new place now')),
                ('issues', models.PositiveIntegerField(default=0)),
                ('by', models.CharField(help_text="a user's name", max_length=150)),
                ('created_at', models.DateTimeField()),
                ('begun_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('lease_until', models.DateTimeField(help_text='a worker has it until then', null=True)),
                ('worker', models.CharField(blank=True, max_length=32)),
                ('tries', models.PositiveSmallIntegerField(default=0, help_text='turns since the last one that achieved something')),
                ('error', models.CharField(blank=True, help_text='why it failed', max_length=500)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'import of posts',
                'verbose_name_plural': 'imports of posts',
                'ordering': ['-pk'],
                'default_permissions': (),
                'indexes': [models.Index(condition=models.Q(('state', 'working')), fields=['id'], name='post_imports_at_work')],
            },
        ),
        migrations.CreateModel(
            name='PostImportEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveIntegerField(help_text='in the file')),
                ('name', models.CharField(help_text='what the file calls it', max_length=300)),
                ('source', models.CharField(help_text='what a second import knows it by; empty if it was rejected', max_length=220)),
                ('title', models.CharField(blank=True, max_length=120)),
                ('outcome', models.CharField(max_length=9)),
                ('kind', models.CharField(blank=True, help_text='post, page or draft', max_length=5)),
                ('account', models.JSONField(default=dict, help_text='reason, before, after, remarks and unnamed differences')),
                ('losses', models.PositiveIntegerField(default=0)),
                ('differs', models.BooleanField(default=False)),
                ('keys', models.JSONField(default=list, help_text='under which links of the old site may name it')),
                ('old_at', models.PositiveBigIntegerField(default=0, help_text='where in the file of old pages its own begins')),
                ('old_size', models.PositiveIntegerField(default=0, help_text='bytes')),
                ('mailed_at', models.DateTimeField(help_text='of what can become an issue of the archive', null=True)),
                ('subject', models.CharField(blank=True, max_length=200)),
                ('preheader', models.CharField(blank=True, max_length=150)),
                ('number', models.PositiveIntegerField(help_text='of its issue; none, and there is none', null=True)),
                ('post', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='posts.post')),
                ('post_import', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='desk.postimport')),
            ],
            options={
                'verbose_name': 'text of an import',
                'verbose_name_plural': 'texts of imports',
                'ordering': ['place'],
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('post_import', 'place'), name='one_entry_for_each_text')],
            },
        ),
    ]
