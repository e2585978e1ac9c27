from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("posts", "0005_preview")]

    operations = [
        migrations.AddIndex(
            model_name="post",
            index=models.Index(fields=["id", "published_at", "updated_at"], name="dates_of_posts"),
        ),
        migrations.AddIndex(
            model_name="post",
            index=models.Index(fields=["updated_at", "published_at"], name="changes_of_posts"),
        ),
    ]
