"""The copies of a batch may be one row. No copy is looked at here: they are packed later, by the worker."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations.exceptions import IrreversibleError


def keep_packs(apps, schema_editor):
    """Without the packs nobody would know who has a copy."""
    if apps.get_model("delivery", "Pack").objects.exists():
        raise IrreversibleError("copies are packed: this table holds who got which issue")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0016_unshown")]

    operations = [
        migrations.CreateModel(
            name="Pack",
            fields=[
                (
                    "batch",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="pack",
                        serialize=False,
                        to="delivery.batch",
                    ),
                ),
                (
                    "mailing",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="packs",
                        to="delivery.mailing",
                    ),
                ),
                (
                    "first",
                    models.BigIntegerField(
                        help_text="the lowest number of a reader in it; empty if all were erased", null=True
                    ),
                ),
                ("last", models.BigIntegerField(null=True)),
                ("rows", models.BinaryField()),
            ],
            options={
                "indexes": [models.Index(fields=["mailing", "first", "last", "batch"], name="packs_by_reader")],
            },
        ),
        migrations.AddField(
            model_name="mailing",
            name="packed_at",
            field=models.DateTimeField(help_text="empty while copies are rows of their own", null=True),
        ),
        migrations.AddIndex(
            model_name="mailing",
            index=models.Index(
                models.F("finished_at"), condition=models.Q(("packed_at__isnull", True)), name="mailings_to_pack"
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, keep_packs),
    ]
