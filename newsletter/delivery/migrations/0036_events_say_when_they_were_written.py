import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0035_result_letters")]

    # The column stays as it is: no table of millions is written anew.
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="event",
                    name="created_at",
                    field=models.DateTimeField(default=django.utils.timezone.now),
                )
            ]
        )
    ]
