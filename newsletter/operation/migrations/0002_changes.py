from django.db import migrations


class Migration(migrations.Migration):
    replaces = [('operation', '0002_no_nightly_exports')]

    dependencies = [('operation', '0001_initial')]

    operations = [migrations.RunSQL('DROP TABLE IF EXISTS operation_nightlyexport')]
