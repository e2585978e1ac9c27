"""Tables for tags and for who has which."""

from django.db import migrations, models
from django.db.models.deletion import DB_CASCADE

KEY = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def foreign_key(to):
    return models.ForeignKey(db_index=False, on_delete=DB_CASCADE, related_name="taggings", to=to)


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0012_unsent_mail")]

    operations = [
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("id", KEY.clone()),
                ("name", models.CharField(max_length=200, unique=True, verbose_name="name")),
            ],
            options={
                "verbose_name": "tag",
                "verbose_name_plural": "tags",
                "ordering": ["name"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Tagging",
            fields=[
                ("id", KEY.clone()),
                ("subscriber", foreign_key("subscribers.subscriber")),
                ("tag", foreign_key("subscribers.tag")),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["tag", "subscriber"], name="readers_by_tag")],
                "constraints": [
                    models.UniqueConstraint(fields=("subscriber", "tag"), name="a_reader_has_a_tag_once")
                ],
            },
        ),
    ]
