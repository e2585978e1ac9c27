import re

from django.db import migrations
from django.db.models import Q

ADDRESS = re.compile(r"/media/([0-9a-f]{16})/")
SHOWS_ONE = Q(body__contains="/media/") | Q(cover__isnull=False) | Q(working_copy__isnull=False)
NAMES = ("pk", "body", "working_copy__body", "cover", "working_copy__cover")


def note_pictures(apps, schema_editor):
    """Do for every post what is done from now on whenever one is saved."""
    Post, Image = apps.get_model("posts", "Post"), apps.get_model("posts", "Image")
    known = dict(Image.objects.values_list("digest", "pk"))
    Use = Post.pictures.through
    for pk, *texts, cover, next_cover in Post.objects.filter(SHOWS_ONE).values_list(*NAMES).iterator(chunk_size=50):
        digests = {digest for text in texts for digest in ADDRESS.findall(text or "")}
        shown = ({known[digest] for digest in digests & known.keys()} | {cover, next_cover}) - {None}
        Use.objects.bulk_create([Use(post_id=pk, image_id=image) for image in shown], ignore_conflicts=True)


class Migration(migrations.Migration):

    dependencies = [
        ('posts', '0011_pictures_of_posts'),
    ]

    operations = [
        migrations.RunPython(note_pictures, migrations.RunPython.noop, elidable=True),
    ]
