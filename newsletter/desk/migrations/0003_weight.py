from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('desk', '0002_jobs'),
    ]

    operations = [
        migrations.DeleteModel(
            name='SavedFilter',
        ),
        migrations.RemoveField(
            model_name='postimport',
            name='kept',
        ),
        migrations.RemoveField(
            model_name='postimportentry',
            name='old_at',
        ),
        migrations.RemoveField(
            model_name='postimportentry',
            name='old_size',
        ),
    ]
