"""Take out the column of tags. What was typed since the copy, by a web server that still runs, is copied before."""

from django.db import migrations, models

from subscribers.migrations import _tags


def lock(apps, schema_editor):
    """Let nobody write or read readers for the few seconds that follow; SQLite has locked its file already."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("LOCK TABLE subscribers_subscriber IN ACCESS EXCLUSIVE MODE")


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0015_tags_are_copied")]

    operations = [
        migrations.RunPython(lock, migrations.RunPython.noop),
        migrations.RunPython(_tags.copy, migrations.RunPython.noop),
        migrations.RemoveIndex("subscriber", "readers_by_tags"),
        migrations.RemoveField("subscriber", "tags"),
        migrations.AddField(
            "subscriber",
            "tags",
            models.ManyToManyField(
                blank=True,
                related_name="subscribers",
                through="subscribers.Tagging",
                to="subscribers.tag",
                verbose_name="tags",
            ),
        ),
    ]
