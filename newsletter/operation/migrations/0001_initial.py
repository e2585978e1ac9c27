from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ('operation', '0001_nightly_backups'),
        ('operation', '0002_looks_and_troubles'),
        ('operation', '0003_nightly_exports'),
        ('operation', '0004_marks_of_keys_and_what_to_do'),
    ]

    operations = [
        migrations.CreateModel(
            name='NightlyBackup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(help_text="in the publication's zone", unique=True)),
                ('begun_at', models.DateTimeField()),
                ('made_at', models.DateTimeField(null=True)),
                ('octets', models.PositiveBigIntegerField(default=0)),
                ('failure', models.TextField(blank=True, default='', help_text='why it was not made')),
                ('tried_at', models.DateTimeField(help_text='when it was loaded beside the product, to know that it works', null=True)),
                ('trial', models.TextField(blank=True, default='', help_text='why it would not bring the product back')),
            ],
            options={'ordering': ('day',)},
        ),
        migrations.CreateModel(
            name='Look',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('key_marks', models.TextField(blank=True, db_default='', default='', help_text='of each secret key so far, by which a lost one is known')),
            ],
        ),
        migrations.CreateModel(
            name='Trouble',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text="the finding's id, and what it is about", max_length=80, unique=True)),
                ('message', models.TextField(help_text='as it was told')),
                ('since', models.DateTimeField()),
                ('looks', models.PositiveIntegerField(default=0, help_text='in a row, that have found it')),
                ('told_at', models.DateTimeField(help_text='when it was told, or known to be so from the beginning', null=True)),
                ('by_mail', models.BooleanField(default=False)),
                ('hint', models.TextField(blank=True, db_default='', default='', help_text='what to do about it')),
                ('level', models.CharField(db_default='', default='', help_text='empty once it is over', max_length=10)),
            ],
            options={'ordering': ('since', 'pk')},
        ),
    ]
