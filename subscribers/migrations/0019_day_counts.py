from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("subscribers", "0018_welcome_due_at")]

    operations = [
        migrations.CreateModel(
            name="DayCount",
            fields=[
                ("on", models.DateField(primary_key=True, serialize=False, verbose_name="day")),
                ("readers", models.PositiveIntegerField(verbose_name="readers")),
            ],
            options={
                "verbose_name": "readers of a day",
                "verbose_name_plural": "readers of a day",
                "ordering": ["on"],
            },
        ),
    ]
