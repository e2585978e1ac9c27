from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("posts", "0002_weight"),
    ]

    operations = [
        migrations.AddField(
            model_name="revision",
            name="refused_page",
            field=models.CharField(blank=True, default="", max_length=32),
        ),
    ]
