from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [('delivery', '0002_changes')]

    operations = [migrations.DeleteModel('OnceMore')]
