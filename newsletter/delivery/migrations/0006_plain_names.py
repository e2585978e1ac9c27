from django.db import migrations, models
from django.db.models.deletion import CASCADE

RENAMED = {
    'Arrival': ('InboundMessage', 'delivery_arrival'),
    'Happening': ('Alert', 'delivery_happening'),
    'Step': ('MailingStep', 'delivery_step'),
    'Pace': ('RateLimitState', 'delivery_pace'),
    'DayCount': ('LinkDayCount', 'delivery_daycount'),
}


class Migration(migrations.Migration):
    """The models are called otherwise; their tables keep their names, so that the database is not touched."""

    dependencies = [
        ('delivery', '0005_unproven_mails'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                operation
                for old, (new, table) in RENAMED.items()
                for operation in (migrations.RenameModel(old, new), migrations.AlterModelTable(new, table))
            ]
            + [
                migrations.AlterField(
                    model_name='alert',
                    name='mailing',
                    field=models.ForeignKey(on_delete=CASCADE, related_name='alerts', to='delivery.mailing'),
                ),
            ],
        ),
    ]
