from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("desk", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="postimport",
            name="error",
            field=models.CharField(blank=True, help_text="why it failed", max_length=500),
        ),
        migrations.AlterField(
            model_name="postimport",
            name="folder",
            field=models.CharField(
                blank=True, help_text="where its files are; empty once they are gone", max_length=40
            ),
        ),
    ]
