from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [('posts', '0002_changes')]

    operations = [
        migrations.RemoveField('redirect', 'asked'),
        migrations.RemoveField('redirect', 'asked_on'),
        migrations.RemoveField('revision', 'characters'),
    ]
