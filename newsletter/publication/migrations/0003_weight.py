from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('publication', '0002_data_place'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='publication',
            name='hub',
        ),
    ]
