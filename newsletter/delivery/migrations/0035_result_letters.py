from django.db import migrations, models
from django.db.models.deletion import CASCADE
from django.utils import timezone


def settle_the_past(apps, schema_editor):
    """No letter is sent about an issue that left before there were any."""
    using = schema_editor.connection.alias
    sent = apps.get_model("delivery", "Mailing").objects.using(using).filter(state="sent", kind="issue")
    latest = {issue: mailing for issue, mailing in sent.order_by("pk").values_list("issue", "pk")}
    letter, now = apps.get_model("delivery", "ResultLetter"), timezone.now()
    letter.objects.using(using).bulk_create(
        letter(issue_id=issue, mailing_id=mailing, at=now) for issue, mailing in latest.items()
    )


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0034_quotes"),
        ("issues", "0006_kept_texts"),
    ]

    operations = [
        migrations.CreateModel(
            name="ResultLetter",
            fields=[
                (
                    "issue",
                    models.OneToOneField(
                        on_delete=CASCADE,
                        primary_key=True,
                        related_name="result_letter",
                        serialize=False,
                        to="issues.issue",
                    ),
                ),
                (
                    "mailing",
                    models.ForeignKey(on_delete=CASCADE, related_name="+", to="delivery.mailing"),
                ),
                ("at", models.DateTimeField()),
                ("notified_at", models.DateTimeField(null=True)),
                (
                    "due_at",
                    models.DateTimeField(
                        help_text="when the mail is due; empty if there is none to send", null=True
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
            ],
            options={"ordering": ["pk"], "default_permissions": ()},
        ),
        migrations.RunPython(settle_the_past, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("kind", "delivered")), fields=["mailing_id", "seq"], name="events_of_arrival"
            ),
        ),
    ]
