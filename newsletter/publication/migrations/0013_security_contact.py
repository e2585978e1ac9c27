from django.db import migrations, models

import newsletter.publication.disclosure


class Migration(migrations.Migration):
    dependencies = [
        ("publication", "0009_number_in_the_subject"),
    ]

    operations = [
        migrations.AddField(
            model_name="publication",
            name="security_contact",
            field=models.CharField(
                blank=True,
                help_text="An e-mail address, or a page that begins with https://. Shown at "
                "/.well-known/security.txt. Empty: where replies go.",
                max_length=200,
                validators=[newsletter.publication.disclosure.validate_contact],
                verbose_name="reports of security holes go to",
            ),
        ),
    ]
