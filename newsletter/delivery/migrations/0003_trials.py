import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0002_changes'),
        ('issues', '0002_changes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='mailing',
            name='paused_by',
            field=models.CharField(blank=True, choices=[('author', 'somebody at the desk paused it'), ('late', 'it was too late to begin by itself'), ('downtime', 'nothing was running for a while'), ('provider', 'the mail server refuses it'), ('silent', 'the mail server takes mails and never answers'), ('receiver', 'a receiver refuses it'), ('addresses', 'the mail server says of too many addresses that they do not exist'), ('error', 'an error of the program'), ('quote', 'a reader has taken back a quote in it'), ('nobody', 'it would reach nobody')], help_text='empty while it is not paused', max_length=10),
        ),
        migrations.CreateModel(
            name='Trial',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('total', models.PositiveIntegerField(help_text='readers when it began')),
                ('written', models.PositiveIntegerField(default=0)),
                ('last_reader', models.PositiveBigIntegerField(default=0, help_text='key of the reader whose letter was the last')),
                ('issue', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='trial', to='issues.issue')),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
