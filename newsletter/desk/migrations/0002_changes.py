from django.db import migrations


class Migration(migrations.Migration):
    replaces = [('desk', '0002_jobs'), ('desk', '0003_weight'), ('desk', '0004_folders')]

    dependencies = [('desk', '0001_initial')]

    operations = [
        migrations.RunSQL('DROP TABLE IF EXISTS desk_savedfilter'),
        migrations.RemoveField('postimport', 'kept'),
        migrations.RemoveField('postimportentry', 'old_at'),
        migrations.RemoveField('postimportentry', 'old_size'),
        migrations.RemoveField('postimportentry', 'keys'),
    ]
