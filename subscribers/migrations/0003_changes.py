from django.db import migrations


class Migration(migrations.Migration):
    replaces = [('subscribers', '0003_no_unbound_links'), ('subscribers', '0004_reader_tag')]

    dependencies = [('subscribers', '0002_indexes')]

    operations = [migrations.RemoveField('subscriber', 'old_links_of')]
