"""Random values that tokens are bound to; empty in rows whose mails have left without them, which keep their links."""

from django.db import migrations, models

import newsletter.mail.tokens

OF_A_MAILING = "what the tokens of its return paths are bound to; empty in mailings older than this"
OF_A_REMINDER = "empty in rows whose mail left before tokens were bound to it"


def salt(default, help_text):
    return models.CharField(default=default, editable=False, help_text=help_text, max_length=12)


class Migration(migrations.Migration):
    dependencies = [("delivery", "0006_rehearsals_and_reminders")]

    operations = [
        migrations.AddField("mailing", "token_salt", salt("", OF_A_MAILING)),
        migrations.AlterField("mailing", "token_salt", salt(newsletter.mail.tokens.new_salt, OF_A_MAILING)),
        migrations.AddField("reminder", "token_salt", salt("", OF_A_REMINDER)),
        migrations.AlterField("reminder", "token_salt", salt(newsletter.mail.tokens.new_salt, OF_A_REMINDER)),
    ]
