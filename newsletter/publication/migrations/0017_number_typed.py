from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("publication", "0016_calendar"),
    ]

    operations = [
        migrations.AddField(
            model_name="publication",
            name="number_typed_above",
            field=models.PositiveIntegerField(
                default=1000,
                help_text=(
                    "Readers. Whoever schedules an issue to more of them on the desk types its number first, so that "
                    "no single press sends it."
                ),
                verbose_name="number typed above",
            ),
        ),
    ]
