"""Copy the tags of a million readers while sign-ups go on: nothing is locked that anybody waits for."""

from django.db import migrations

from subscribers.migrations import _tags


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0014_tags_have_tables")]

    operations = [migrations.RunPython(_tags.copy, _tags.write_back)]
