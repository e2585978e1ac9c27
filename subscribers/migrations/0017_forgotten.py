"""Readers who were erased are noted for whoever keeps their numbers; indexes that nobody asks are gone."""

from django.db import migrations, models

# Beside a unique index Django makes one for LIKE; hashes are asked for whole.
ASKED_WHOLE = [
    ("Subscriber", "address_hash"),
    ("Suppression", "address_hash"),
    ("ConsentText", "digest"),
    ("Tag", "name"),
]


def _like_index(apps, schema_editor, model, column):
    table = apps.get_model("subscribers", model)._meta.db_table
    return schema_editor.quote_name(schema_editor._create_index_name(table, [column], suffix="_like"))


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for model, column in ASKED_WHOLE:
            schema_editor.execute(f"DROP INDEX IF EXISTS {_like_index(apps, schema_editor, model, column)}")


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for model, column in ASKED_WHOLE:
            name, table = _like_index(apps, schema_editor, model, column), apps.get_model("subscribers", model)
            schema_editor.execute(f"CREATE INDEX {name} ON {table._meta.db_table} ({column} varchar_pattern_ops)")


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0016_tags_are_a_relation")]

    operations = [
        migrations.CreateModel(
            name="Forgotten",
            fields=[("number", models.BigIntegerField(primary_key=True, serialize=False))],
        ),
        migrations.RunPython(drop, make),
    ]
