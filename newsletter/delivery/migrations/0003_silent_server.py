from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('delivery', '0002_changes')]

    operations = [
        migrations.AlterField(
            model_name='mailing',
            name='paused_by',
            field=models.CharField(
                blank=True,
                choices=[
                    ('author', 'somebody at the desk paused it'),
                    ('late', 'it was too late to begin by itself'),
                    ('provider', 'the mail server refuses it'),
                    ('silent', 'the mail server takes mails and never answers'),
                    ('receiver', 'a receiver refuses it'),
                    ('addresses', 'the mail server says of too many addresses that they do not exist'),
                    ('error', 'an error of the program'),
                    ('quote', 'a reader has taken back a quote in it'),
                ],
                help_text='empty while it is not paused',
                max_length=10,
            ),
        ),
    ]
