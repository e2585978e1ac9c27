from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("publication", "0014_see_mail"),
    ]

    operations = [
        migrations.AddField(
            model_name="publication",
            name="owners_need_second_factor",
            field=models.BooleanField(
                default=False,
                help_text=(
                    "An owner who has none is asked for it after logging in, and can do nothing else on the desk until then."
                ),
                verbose_name="owners need a second factor",
            ),
        ),
    ]
