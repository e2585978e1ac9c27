import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("subscribers", "0019_day_counts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(verbose_name="when")),
                ("by", models.CharField(blank=True, help_text="a user's name", max_length=150, verbose_name="by")),
                ("text", models.TextField(max_length=2000, verbose_name="note")),
                ("subscriber", models.ForeignKey(on_delete=django.db.models.deletion.DB_CASCADE, related_name="notes", to="subscribers.subscriber")),
            ],
            options={
                "verbose_name": "note",
                "verbose_name_plural": "notes",
                "ordering": ["pk"],
                "default_permissions": (),
            },
        ),
    ]
