from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("posts", "0002_search")]

    operations = [
        migrations.CreateModel(
            name="Rendering",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("renderer", models.CharField(max_length=20)),
                ("html", models.TextField()),
                ("excerpt", models.TextField(blank=True)),
                ("han_count", models.PositiveIntegerField()),
                ("word_count", models.PositiveIntegerField()),
                ("made_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"verbose_name": "rendering", "verbose_name_plural": "renderings"},
        ),
    ]
