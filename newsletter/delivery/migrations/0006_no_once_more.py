from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("delivery", "0005_unproven_mails")]

    operations = [migrations.DeleteModel("OnceMore")]
