from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0032_origin_counts")]

    operations = [
        migrations.AddField(
            model_name="suppression",
            name="reopened_at",
            field=models.DateTimeField(
                null=True,
                editable=False,
                help_text="since when a confirmation by its owner ends it, which the author allowed",
            ),
        ),
        migrations.AlterField(
            model_name="act",
            name="what",
            field=models.CharField(
                choices=[
                    ("tagged", "tag given"),
                    ("untagged", "tag taken"),
                    ("paused", "paused"),
                    ("resumed", "pause ended"),
                    ("suppressed", "suppressed"),
                    ("lifted", "may be mailed again"),
                    ("asked", "asked to confirm again"),
                    ("reopened", "may sign up again"),
                ],
                max_length=10,
                verbose_name="what happened",
            ),
        ),
    ]
