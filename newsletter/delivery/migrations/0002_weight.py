from django.db import migrations, models
from django.db.models import Exists, OuterRef


def count_what_was_not_settled(apps, _schema_editor):
    """Have the mailings counted again of which not everything was counted."""
    breakdowns = apps.get_model("delivery", "Breakdown").objects.filter(mailing=OuterRef("pk"))
    settled = breakdowns.filter(settled_at__gte=OuterRef("counted_at"))
    apps.get_model("delivery", "Mailing").objects.filter(~Exists(settled)).update(counted_at=None)


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]

    operations = [
        migrations.DeleteModel("HubNotice"),
        migrations.RenameField("mailing", "certified_at", "counted_at"),
        migrations.AlterField(
            "mailing",
            "counted_at",
            models.DateTimeField(help_text="empty while its copies are to be counted by their domains", null=True),
        ),
        migrations.RunPython(count_what_was_not_settled, migrations.RunPython.noop, elidable=True),
        migrations.DeleteModel("BatchBreakdown"),
        migrations.DeleteModel("Certificate"),
        migrations.RemoveField("breakdown", "settled_at"),
        migrations.AlterField(
            "breakdown",
            "by_domain",
            models.JSONField(default=dict, help_text="of each name the numbers in the order of Delivery.State"),
        ),
    ]
