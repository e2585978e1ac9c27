"""A time line for each limit instead of one; the former row says nothing that is worth keeping."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [
        migrations.DeleteModel("Pace"),
        migrations.CreateModel(
            "Pace",
            fields=[
                ("key", models.CharField(max_length=300, primary_key=True, serialize=False)),
                ("free_at", models.FloatField(default=0, help_text="until when the line is taken")),
                (
                    "taken_at",
                    models.FloatField(
                        default=0,
                        help_text="when somebody last asked: a clock is behind it only if it was set back",
                    ),
                ),
                (
                    "measured",
                    models.FloatField(default=0, help_text="messages a second of the last seconds before that"),
                ),
                (
                    "slowed_from",
                    models.FloatField(
                        default=0, help_text="messages a second when the provider asked for less; 0: never"
                    ),
                ),
                ("slowed_to", models.FloatField(default=0)),
                ("slowed_at", models.FloatField(default=0)),
                ("counted_on", models.DateField(help_text="the local day of a daily ceiling", null=True)),
                ("counted", models.PositiveIntegerField(default=0, help_text="messages of that day")),
            ],
        ),
    ]
