from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('issues', '0002_changes')]

    operations = [
        migrations.AddField('vote', 'is_from_page', models.BooleanField(db_default=False, default=False, help_text="by anybody who read the page, and not by a reader's own link")),
    ]
