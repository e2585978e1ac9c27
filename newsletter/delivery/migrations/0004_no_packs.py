from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0003_unpacked")]

    operations = [
        migrations.DeleteModel("Pack"),
        migrations.RemoveIndex("mailing", "mailings_to_pack"),
        migrations.RemoveField("mailing", "packed_at"),
        migrations.AddField(
            "mailing",
            "copies_deleted_at",
            models.DateTimeField(help_text="since then nobody knows who had a copy", null=True),
        ),
    ]
