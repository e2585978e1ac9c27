import newsletter.mail.tokens
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('subscribers', '0002_indexes'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='subscriber',
            name='old_links_of',
        ),
        migrations.AlterField(
            model_name='addresschange',
            name='token_salt',
            field=models.CharField(default=newsletter.mail.tokens.new_salt, editable=False, max_length=12),
        ),
    ]
