from typing import Any

from django.db import migrations

THUMB = 320


def make_thumbs(apps: Any, schema_editor: Any) -> None:
    """Have the worker make what each picture lacks by now: the small one that lists show."""
    apps.get_model("posts", "Image").objects.filter(width__gt=THUMB).update(finished_at=None)


class Migration(migrations.Migration):
    dependencies = [("posts", "0016_search_weights")]

    operations = [migrations.RunPython(make_thumbs, migrations.RunPython.noop)]
