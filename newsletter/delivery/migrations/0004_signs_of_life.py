from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('delivery', '0003_trials')]

    operations = [
        migrations.AddField(
            model_name='ledgerplace',
            name='seen_at',
            field=models.DateTimeField(help_text="when a worker last looked after it, by the database's clock", null=True),
        ),
    ]
