"""Bind the links of readers to a random value of their row; letters that have left keep theirs."""

from django.db import migrations, models

import newsletter.mail.tokens

# What a value is for: the links of a reader who is lost with a restore must not fit the next one who gets his id. So
# it must be unlike any other, and need not be secret: tokens are signed with the installation's key.
SALTS = {
    "postgresql": "encode(substr(uuid_send(gen_random_uuid()), 1, 9), 'base64')",  # 66 random bits; RFC 9562 section 5.4
    "sqlite": "lower(hex(randomblob(6)))",
}


def fill_links(apps, schema_editor):
    """Letters that have left keep their links: both forms open for the readers who are here by now."""
    salt = SALTS[schema_editor.connection.vendor]
    # An expression of our own.
    schema_editor.execute(f"UPDATE subscribers_subscriber SET token_salt = {salt}, old_links_of = address_hash")  # noqa: S608  # nosec B608


def column(name, length, field):
    """Return what adds a column without writing the table anew, as AddField does on SQLite for minutes."""
    add = f"ALTER TABLE subscribers_subscriber ADD COLUMN {name} varchar({length}) NOT NULL DEFAULT ''"
    drop = f"ALTER TABLE subscribers_subscriber DROP COLUMN {name}"
    return migrations.RunSQL(add, drop, state_operations=[migrations.AddField("subscriber", name, field)])


SALT = models.CharField(default=newsletter.mail.tokens.new_salt, editable=False, max_length=12)
OLD_LINKS_OF = models.CharField(
    blank=True, editable=False, help_text="hash of the address whose unbound links still open", max_length=32
)


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0006_the_record_only_grows")]

    operations = [
        column("token_salt", 12, SALT),
        column("old_links_of", 32, OLD_LINKS_OF),
        migrations.RunPython(fill_links, migrations.RunPython.noop),
    ]
