"""Take out the columns that the record replaces, and let the database refuse to change what is in it."""

from django.db import migrations

REFUSED = "the record of consent only grows"
# All columns but `ip`, which may be shortened with age.
PROTECTED = {
    "subscribers_consent": "id, subscriber_id, kind, at, source, text_id, address_hash",
    "subscribers_consenttext": "id, digest, words",
}


def protect(apps, schema_editor):
    """Deleting stays possible: who is erased is erased with his record."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE FUNCTION subscribers_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for table, columns in PROTECTED.items():
        head = f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OF {columns} ON {table}"
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"{head} FOR EACH ROW EXECUTE FUNCTION subscribers_refuse_change()")
        else:
            schema_editor.execute(f"{head} BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END")


def release(apps, schema_editor):
    on_table = schema_editor.connection.vendor == "postgresql"
    for table in PROTECTED:
        schema_editor.execute(f"DROP TRIGGER {table}_only_grows" + (f" ON {table}" if on_table else ""))
    if on_table:
        schema_editor.execute("DROP FUNCTION subscribers_refuse_change()")


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0005_what_is_known_of_consent")]

    operations = [
        # The longest first: SQLite writes the table anew for each.
        migrations.RemoveField("subscriber", "consent_text"),
        migrations.RemoveField("subscriber", "consent_at"),
        migrations.RemoveField("subscriber", "consent_source"),
        migrations.RemoveField("subscriber", "consent_ip"),
        migrations.RunPython(protect, release),
    ]
