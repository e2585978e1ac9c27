import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [('issues', name) for name in '''
        0002_corrections 0003_start_here 0004_send_issue 0005_shifts 0006_kept_texts 0007_imported_issues
    '''.split()]

    dependencies = [('posts', '0001_initial')]

    operations = [
        migrations.CreateModel(
            name='Shift',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('skipped', 'skipped'), ('moved', 'moved'), ('vacation', 'vacation')], max_length=10)),
                ('slot_on', models.DateField(help_text="the slot's local day in the rhythm; none of a vacation", null=True)),
                ('to_on', models.DateField(help_text='the local day instead, of a slot that is moved', null=True)),
                ('to_at', models.TimeField(help_text='the time by the clock on that day', null=True)),
                ('first_on', models.DateField(help_text='the first local day of a vacation', null=True)),
                ('last_on', models.DateField(help_text='its last day, which still belongs to it', null=True)),
                ('note', models.CharField(blank=True, help_text='what readers see of a vacation', max_length=200)),
                ('made_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('slot_on',), name='one_shift_of_a_slot'), models.CheckConstraint(condition=models.Q(models.Q(('first_on', None), ('kind', 'skipped'), ('last_on', None), ('slot_on__isnull', False), ('to_at', None), ('to_on', None)), models.Q(('kind', 'moved'), ('slot_on__isnull', False), ('to_at__isnull', False), ('to_on__isnull', False), ('first_on', None), ('last_on', None)), models.Q(('first_on__isnull', False), ('kind', 'vacation'), ('slot_on', None), ('to_at', None), ('to_on', None), ('last_on__isnull', False)), _connector='OR'), name='a_shift_is_whole'), models.CheckConstraint(condition=models.Q(('last_on', None), ('last_on__gte', models.F('first_on')), _connector='OR'), name='a_vacation_has_days')],
            },
        ),
        migrations.CreateModel(
            name='HolidayAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_on', models.DateField(unique=True)),
                ('last_on', models.DateField()),
                ('name', models.CharField(max_length=200)),
                ('choice', models.CharField(choices=[('keep', 'go anyway'), ('skip', 'skip'), ('move', 'move')], max_length=10)),
                ('answered_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['first_on'],
                'constraints': [models.CheckConstraint(condition=models.Q(('last_on__gte', models.F('first_on'))), name='a_holiday_has_days')],
            },
        ),
        migrations.CreateModel(
            name='KeptText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('introduction', 'introduction'), ('closing', 'closing')], max_length=12, verbose_name='kind')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('text', models.TextField(help_text='Markdown.', verbose_name='text')),
            ],
            options={
                'verbose_name': 'kept text',
                'verbose_name_plural': 'kept texts',
                'ordering': ['kind', 'name'],
                'constraints': [models.UniqueConstraint(fields=('kind', 'name'), name='a_kept_text_is_named_once')],
            },
        ),
        migrations.CreateModel(
            name='StartingPoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(help_text='One sentence to a stranger: why this one?', max_length=200, verbose_name='why')),
                ('position', models.PositiveSmallIntegerField(default=0, help_text='The smallest comes first.', verbose_name='position')),
                ('post', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='posts.post', verbose_name='post')),
            ],
            options={
                'verbose_name': 'starting point',
                'verbose_name_plural': 'start here',
                'ordering': ['position', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Issue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(unique=True, verbose_name='number')),
                ('subject', models.CharField(max_length=200, verbose_name='subject')),
                ('preheader', models.CharField(blank=True, help_text='The grey line after the subject in an inbox; 40 to 100 characters. Empty: the beginning.', max_length=150, verbose_name='preheader')),
                ('introduction', models.TextField(blank=True, help_text='Markdown.', verbose_name='introduction')),
                ('closing', models.TextField(blank=True, help_text='Markdown.', verbose_name='closing')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('sent_at', models.DateTimeField(blank=True, db_index=True, editable=False, null=True, verbose_name='sent')),
                ('imported_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'verbose_name': 'issue',
                'verbose_name_plural': 'issues',
                'ordering': ['-number'],
                'permissions': [('send_issue', 'Can send issues to readers')],
            },
        ),
        migrations.CreateModel(
            name='Correction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('note', models.TextField(verbose_name='note')),
                ('made_at', models.DateTimeField(verbose_name='corrected')),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='corrections', to='issues.issue')),
            ],
            options={'verbose_name': 'correction', 'verbose_name_plural': 'corrections', 'ordering': ['made_at', 'pk']},
        ),
        migrations.CreateModel(
            name='IssueItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0, verbose_name='position')),
                ('form', models.CharField(choices=[('full', 'full text'), ('excerpt', 'excerpt'), ('link', 'link')], default='full', max_length=10, verbose_name='form')),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='issues.issue')),
                ('post', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='posts.post', verbose_name='post')),
            ],
            options={
                'verbose_name': 'post in the issue',
                'verbose_name_plural': 'posts in the issue',
                'ordering': ['position', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('issue', 'post'), name='a_post_once_per_issue')],
            },
        ),
        migrations.AddField(
            model_name='Issue',
            name='posts',
            field=models.ManyToManyField(related_name='issues', through='issues.IssueItem', to='posts.post', verbose_name='posts'),
        ),
    ]
