from django.db import migrations

ABOUT = {"post": "posts.post", "issue": "issues.issue", "publication": "publication.publication"}
WHAT = {1: "added", 2: "changed", 3: "deleted"}


def keep_log(apps, schema_editor):
    """Take over what the log of Django's admin has of texts. Which fields it names is not kept: it named untouched ones."""
    log, change = apps.get_model("admin", "LogEntry"), apps.get_model("publication", "Change")
    entries = log.objects.filter(content_type__model__in=ABOUT).exclude(change_message="[]")
    change.objects.bulk_create(
        (
            change(
                about=ABOUT[entry.content_type.model],
                key=int(entry.object_id),
                title=entry.object_repr,
                at=entry.action_time,
                by=entry.user.username,
                via="desk",
                what=WHAT[entry.action_flag],
            )
            for entry in entries.select_related("user", "content_type").order_by("pk").iterator()
            if entry.object_id and entry.object_id.isdecimal()
        ),
        batch_size=500,
    )


class Migration(migrations.Migration):

    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("desk", "0001_failure_counts"),
        ("publication", "0015_changes"),
    ]

    operations = [migrations.RunPython(keep_log, migrations.RunPython.noop)]
