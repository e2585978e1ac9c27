"""A welcome that was put off waits in its reader's row, no longer in the cache of a process."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0017_forgotten")]

    operations = [
        migrations.AddField(
            "subscriber",
            "welcome_due_at",
            models.DateTimeField(
                blank=True,
                editable=False,
                help_text="when a welcome that was put off is tried again",
                null=True,
            ),
        ),
    ]
