"""Mails to the author are due as all mails are: a column `due_at`, which is empty when nothing is to be sent."""

from django.db import migrations, models
from django.db.models import F

MODELS = ("Happening", "Reminder")


def empty_what_was_sent(apps, schema_editor):
    for name in MODELS:
        rows = apps.get_model("delivery", name).objects
        rows.filter(notified_at__isnull=False).update(due_at=None)


def fill_what_was_sent(apps, schema_editor):
    for name in MODELS:
        rows = apps.get_model("delivery", name).objects
        rows.filter(due_at__isnull=True).update(due_at=F("at"))


class Migration(migrations.Migration):
    dependencies = [("delivery", "0017_packs")]

    operations = [
        migrations.RenameField("happening", "try_at", "due_at"),
        migrations.RenameField("reminder", "try_at", "due_at"),
        migrations.AlterField(
            "happening", "due_at", models.DateTimeField(help_text="when the mail about it is due", null=True)
        ),
        migrations.AlterField("reminder", "due_at", models.DateTimeField(help_text="when the mail is due", null=True)),
        migrations.RunPython(empty_what_was_sent, fill_what_was_sent),
    ]
