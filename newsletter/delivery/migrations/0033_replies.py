import django.db.models.deletion
from django.db import migrations, models


def read_again(apps, schema_editor):
    """Have mails by people that came before read once more: now they become replies."""
    Arrival = apps.get_model("delivery", "Arrival")
    Arrival.objects.filter(what="reply").update(state="waiting", applied_at=None)


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0032_withheld_texts"),
        ("issues", "0006_kept_texts"),
        ("subscribers", "0030_invitations"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reply",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_certain", models.BooleanField(default=False)),
                ("key", models.CharField(help_text="the same mail by two ways is one", max_length=64, unique=True)),
                ("message_id", models.CharField(blank=True, max_length=260)),
                ("sender", models.CharField(max_length=254, verbose_name="from")),
                ("sender_name", models.CharField(blank=True, max_length=120)),
                ("subject", models.CharField(blank=True, max_length=200, verbose_name="subject")),
                ("text", models.TextField(blank=True)),
                ("quoted", models.TextField(blank=True)),
                ("files", models.JSONField(default=list, help_text="of each: number of the part, name, kind, octets")),
                ("more_files", models.PositiveIntegerField(default=0)),
                ("note", models.TextField(blank=True, max_length=2000, verbose_name="note")),
                ("received_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                (
                    "issue",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="replies",
                        to="issues.issue",
                    ),
                ),
                (
                    "subscriber",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="replies",
                        to="subscribers.subscriber",
                    ),
                ),
                (
                    "thread",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="later",
                        to="delivery.reply",
                    ),
                ),
            ],
            options={
                "verbose_name": "reply of a reader",
                "verbose_name_plural": "replies of readers",
                "ordering": ["-pk"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ReplyMail",
            fields=[
                (
                    "reply",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        primary_key=True,
                        related_name="mail",
                        serialize=False,
                        to="delivery.reply",
                    ),
                ),
                ("body", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="Answer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField(max_length=10000)),
                ("digest", models.CharField(help_text="of the words: the same answer goes once", max_length=32)),
                ("message_id", models.CharField(blank=True, max_length=260)),
                (
                    "by",
                    models.CharField(blank=True, help_text="who wrote it on the desk; empty: by mail", max_length=150),
                ),
                ("written_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(db_index=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("response", models.CharField(blank=True, help_text="what the server answered", max_length=200)),
                (
                    "reply",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE, related_name="answers", to="delivery.reply"
                    ),
                ),
            ],
            options={
                "verbose_name": "answer to a reader",
                "verbose_name_plural": "answers to readers",
                "ordering": ["written_at", "pk"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ReplyTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                (
                    "reply",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE, related_name="tags", to="delivery.reply"
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AddIndex(
            model_name="reply",
            index=models.Index(
                models.F("id"),
                condition=models.Q(("answered_at", None), ("subscriber__isnull", False)),
                name="replies_to_answer",
            ),
        ),
        migrations.AddIndex(
            model_name="reply",
            index=models.Index(models.F("id"), condition=models.Q(("subscriber", None)), name="replies_by_strangers"),
        ),
        migrations.AddIndex(
            model_name="reply",
            index=models.Index(fields=["message_id"], name="replies_by_message_id"),
        ),
        migrations.AddIndex(
            model_name="reply",
            index=models.Index(fields=["received_at"], name="replies_to_forget"),
        ),
        migrations.AddIndex(
            model_name="answer",
            index=models.Index(fields=["message_id"], name="answers_by_message_id"),
        ),
        migrations.AddConstraint(
            model_name="answer",
            constraint=models.UniqueConstraint(fields=("reply", "digest"), name="an_answer_goes_once"),
        ),
        migrations.AddConstraint(
            model_name="replytag",
            constraint=models.UniqueConstraint(fields=("name", "reply"), name="a_reply_is_tagged_once"),
        ),
        migrations.RunPython(read_again, migrations.RunPython.noop),
    ]
