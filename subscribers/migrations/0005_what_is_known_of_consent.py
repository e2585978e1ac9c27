"""Write what is known of consent into the record.

Each step is one statement of the database: a million readers take seconds, and nothing is held in memory.
"""

from hashlib import sha256

from django.db import migrations

# (kind, moment, whom it is true of, whether the text and the IP address belong to it)
LINES = [
    ("asked", "consent_at", "consent_at IS NOT NULL AND consent_source LIKE 'web:%%'", True),
    ("imported", "COALESCE(consent_at, confirmed_at)", "confirmed_at IS NOT NULL AND consent_source <> ''"
     " AND consent_source NOT LIKE 'web:%%'", True),
    ("confirmed", "confirmed_at", "confirmed_at IS NOT NULL"
     " AND (consent_source = '' OR consent_source LIKE 'web:%%')", False),
    ("withdrew", "unsubscribed_at", "unsubscribed_at IS NOT NULL", False),
]  # fmt: skip


def write_texts(apps, schema_editor):
    """Keep each of the texts shown once."""
    subscribers = apps.get_model("subscribers", "Subscriber").objects.order_by()
    texts = apps.get_model("subscribers", "ConsentText").objects
    for words in subscribers.exclude(consent_text="").values_list("consent_text", flat=True).distinct().iterator():
        texts.create(digest=sha256(words.encode()).hexdigest(), words=words)


def write_lines(apps, schema_editor):
    """Write a line for each thing that the columns say; of a confirmation no more is known than when it was."""
    for kind, moment, whose, is_given in LINES:
        given = "consent_source, t.id, consent_ip" if is_given else "'', NULL, NULL"
        # Expressions of our own; no value of a reader is in the statement.
        schema_editor.execute(
            f"""
            INSERT INTO subscribers_consent (subscriber_id, kind, at, source, text_id, ip, address_hash)
            SELECT s.id, '{kind}', {moment}, {given}, s.address_hash
              FROM subscribers_subscriber AS s LEFT JOIN subscribers_consenttext AS t ON t.words = s.consent_text
             WHERE {whose} ORDER BY s.id
            """,  # noqa: S608  # nosec B608
            params=(),
        )


def write_moves(apps, schema_editor):
    """Write a line for each change of address of the last days; what was left is known by its address."""
    from subscribers.models.suppressions import address_hash  # noqa: PLC0415 - needs the tables of `publication`

    changes = apps.get_model("subscribers", "AddressChange").objects.exclude(confirmed_at=None)
    consents = apps.get_model("subscribers", "Consent").objects
    for change in changes.order_by("pk"):
        known_as = address_hash(change.former)
        consents.create(subscriber_id=change.subscriber_id, kind="moved", at=change.confirmed_at, address_hash=known_as)


def forget(apps, schema_editor):
    apps.get_model("subscribers", "Consent").objects.all().delete()
    apps.get_model("subscribers", "ConsentText").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("publication", "0009_number_in_the_subject"), ("subscribers", "0004_consent_is_a_record")]

    operations = [
        migrations.RunPython(write_texts, forget),
        migrations.RunPython(write_lines, migrations.RunPython.noop),
        migrations.RunPython(write_moves, migrations.RunPython.noop),
    ]
