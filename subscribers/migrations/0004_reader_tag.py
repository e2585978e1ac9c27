from django.db import migrations


class Migration(migrations.Migration):
    """Rename the model alone: the table keeps its name."""

    dependencies = [("subscribers", "0003_no_unbound_links")]

    operations = [
        migrations.AlterModelTable("tag", "subscribers_tag"),
        migrations.RenameModel("Tag", "ReaderTag"),
    ]
