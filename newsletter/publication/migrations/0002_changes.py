import newsletter.publication.rhythm
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [('publication', name) for name in '''
        0002_data_place 0003_weight 0004_setup 0005_rhythm 0006_mail_server 0007_trash 0008_menu_and_gift
    '''.split()]

    dependencies = [('publication', '0001_initial')]

    operations = [
        migrations.AddField('publication', 'data_place', models.CharField(blank=True, help_text='Where the server stands, such as a country. The privacy notice names it, as the law of many places asks.', max_length=120, verbose_name='where data is kept')),
        migrations.RemoveField('publication', 'hub'),
        migrations.AddField('publication', 'cadence_rule', models.CharField(blank=True, db_default='', default='', max_length=40, validators=[newsletter.publication.rhythm.validate_rule], verbose_name='how often')),
        migrations.CreateModel(
            name='MailServer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sealed', models.TextField(help_text='a mail URL, encrypted by Fernet with the secret key')),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='one_mail_server_per_installation')],
            },
        ),
        migrations.AddField('publication', 'gift', models.FileField(blank=True, db_default='', default='', max_length=200, upload_to='', verbose_name='gift')),
        migrations.AddField('publication', 'gift_bytes', models.PositiveIntegerField(db_default=0, default=0, editable=False)),
        migrations.AddField('publication', 'gift_count', models.PositiveIntegerField(db_default=0, default=0, editable=False)),
        migrations.AddField('publication', 'menu', models.JSONField(blank=True, default=list, verbose_name='menu')),
    ]
