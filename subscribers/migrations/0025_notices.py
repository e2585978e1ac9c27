"""A line of the record names the privacy notice that was shown. SQLite writes the table anew, which drops its trigger."""

import django.db.models.deletion
from django.db import migrations, models

TABLE = "subscribers_consent"
TRIGGER = f"{TABLE}_only_grows"
FORMER = "id, subscriber_id, kind, at, source, text_id, address_hash"  # as 0006 has them


def drop(apps, schema_editor):
    on_table = f" ON {TABLE}" if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP TRIGGER IF EXISTS {TRIGGER}{on_table}")


def create(schema_editor, columns):
    head = f"CREATE TRIGGER {TRIGGER} BEFORE UPDATE OF {columns} ON {TABLE}"
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"{head} FOR EACH ROW EXECUTE FUNCTION subscribers_refuse_change()")
    else:
        schema_editor.execute(f"{head} BEGIN SELECT RAISE(ABORT, 'the record of consent only grows'); END")


def protect(apps, schema_editor):
    drop(apps, schema_editor)
    create(schema_editor, f"{FORMER}, notice_id")


def protect_as_before(apps, schema_editor):
    create(schema_editor, FORMER)


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0024_consents_by_source")]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, protect_as_before),  # backwards the last step
        migrations.AddField(
            model_name="consent",
            name="notice",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="subscribers.consenttext",
                verbose_name="notice",
            ),
        ),
        migrations.RunPython(protect, drop),
    ]
