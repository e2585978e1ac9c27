from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('publication', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='publication',
            name='data_place',
            field=models.CharField(blank=True, help_text='Where the server stands, as Taiwan. The privacy notice names it, as the law of Taiwan asks.', max_length=120, verbose_name='where data is kept'),
        ),
    ]
