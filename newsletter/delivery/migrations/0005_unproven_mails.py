from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0004_no_packs'),
    ]

    operations = [
        migrations.AddField(
            model_name='arrival',
            name='begun',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='how often somebody began to read it'),
        ),
        migrations.AddField(
            model_name='arrival',
            name='begun_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='arrival',
            name='is_believed',
            field=models.BooleanField(db_default=False, default=False, help_text='taken as proven by the author'),
        ),
        migrations.AlterField(
            model_name='arrival',
            name='state',
            field=models.CharField(choices=[('waiting', 'not read yet'), ('applied', 'read and applied'), ('unreadable', 'not understood'), ('unproven', 'reported by a mail that proves nothing')], default='waiting', max_length=10),
        ),
    ]
