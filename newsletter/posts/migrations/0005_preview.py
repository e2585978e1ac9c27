from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("posts", "0004_picture_sizes")]

    operations = [
        migrations.AddField(
            model_name="post",
            name="preview_until",
            field=models.DateTimeField(editable=False, null=True),
        )
    ]
