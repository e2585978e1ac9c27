"""Tables for the record of consent and for fresh links, and what a change of address needs to be taken back."""

import django.db.models.deletion
from django.db import migrations, models

import newsletter.mail.tokens

WHOSE = "subscribers.subscriber"
KINDS = [
    ("asked", "asked"),
    ("confirmed", "confirmed"),
    ("withdrew", "left"),
    ("came back", "came back"),
    ("moved", "moved to another address"),
    ("imported", "brought in by the author"),
]
SALT_OF_A_CHANGE = "empty in rows whose letters left before tokens were bound to it"


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0003_address_changes")]

    operations = [
        migrations.AddField("addresschange", "undone_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "addresschange",
            "token_salt",
            models.CharField(default="", editable=False, help_text=SALT_OF_A_CHANGE, max_length=12),
        ),
        migrations.AlterField(
            "addresschange",
            "token_salt",
            models.CharField(
                default=newsletter.mail.tokens.new_salt, editable=False, help_text=SALT_OF_A_CHANGE, max_length=12
            ),
        ),
        migrations.CreateModel(
            name="ConsentText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("words", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=KINDS, max_length=10, verbose_name="what happened")),
                ("at", models.DateTimeField(verbose_name="when")),
                ("source", models.CharField(blank=True, max_length=200, verbose_name="through")),
                ("ip", models.GenericIPAddressField(null=True, verbose_name="from address")),
                (
                    "address_hash",
                    models.CharField(help_text="of the address at that time; of a move, the one left", max_length=32),
                ),
                (
                    "subscriber",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="consents", to=WHOSE
                    ),
                ),
                (
                    "text",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="subscribers.consenttext",
                        verbose_name="text shown",
                    ),
                ),
            ],
            options={
                "verbose_name": "line of the record",
                "verbose_name_plural": "record of the subscription",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="FreshLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(db_index=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                (
                    "subscriber",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="fresh_link", to=WHOSE
                    ),
                ),
            ],
            options={"verbose_name": "link that is asked for", "verbose_name_plural": "links that are asked for"},
        ),
    ]
