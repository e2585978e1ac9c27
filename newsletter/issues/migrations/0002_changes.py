import django.db.models.deletion
import newsletter.mail.tokens
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [('issues', '0002_trash'), ('issues', '0003_question')]

    dependencies = [('issues', '0001_initial')]

    operations = [
        migrations.AddField('issue', 'trashed_at', models.DateTimeField(editable=False, null=True)),
        migrations.AlterField('issue', 'number', models.PositiveIntegerField(verbose_name='number')),
        migrations.AddConstraint('issue', models.UniqueConstraint(condition=models.Q(('trashed_at__isnull', True)), fields=('number',), name='a_number_is_given_once')),
        migrations.AddField('issue', 'question', models.CharField(blank=True, help_text='The letter and the page ask it, for two weeks at most.', max_length=120, verbose_name='question')),
        migrations.AddField('issue', 'question_choices', models.TextField(blank=True, help_text='Two to five, one a line.', verbose_name='answers')),
        migrations.AddField('issue', 'question_salt', models.CharField(default=newsletter.mail.tokens.new_salt, editable=False, max_length=12)),
        migrations.AddField('issue', 'shows_result', models.BooleanField(default=False, help_text='After they have answered, and on the page once the question is closed.', verbose_name='Readers see the result')),
        migrations.CreateModel(
            name='Vote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('choice', models.PositiveSmallIntegerField(help_text='number of the answer, from 1')),
                ('line', models.CharField(blank=True, max_length=200)),
                ('voter', models.CharField(blank=True, help_text='a salted hash, until the question closes', max_length=32)),
                ('issue', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='votes', to='issues.issue')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(condition=models.Q(('voter', ''), _negated=True), fields=('issue', 'voter'), name='a_voter_counts_once_per_issue')],
            },
        ),
    ]
