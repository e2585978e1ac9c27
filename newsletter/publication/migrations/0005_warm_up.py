from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("publication", "0004_mail_look"),
    ]

    operations = [
        migrations.AddField(
            model_name="publication",
            name="warm_up_from",
            field=models.DateField(
                blank=True,
                help_text=(
                    "The first day on which a new sender address sends. It begins with 200 mails a day and grows by a "
                    "half every day, so that mailbox providers get to know it; what is over leaves on the next day. "
                    "Empty: no ceiling."
                ),
                null=True,
                verbose_name="warming up since",
            ),
        ),
    ]
