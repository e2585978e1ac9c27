"""Tags that the author gives to readers, which segments of a mailing are made of."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db import connection, models
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

SEPARATOR = re.compile("[,，、]")  # between tags where they are typed; a plain comma where they are written
TAGS_LENGTH_MAX = 200  # characters of all tags of a reader with their commas; a segment holds a sign and any of them


def split_tags(text: str) -> list[str]:
    """Return the tags in what was typed, in order, each once."""
    parts = (" ".join(part.split()) for part in SEPARATOR.split(text))
    return list(dict.fromkeys(filter(None, parts)))


def joined(names: Iterable[str]) -> str:
    """Return tags as forms and exports write them."""
    return ",".join(names)


class ReaderTagQuerySet(models.QuerySet["Tag"]):
    def in_use(self) -> list[str]:
        """Return the names of those that a reader has, sorted; one look into an index for each tag."""
        used = self.filter(Exists(Tagging.objects.filter(tag=OuterRef("pk"))))
        return sorted(used.values_list("name", flat=True))

    def named(self, names: Collection[str]) -> dict[str, int]:
        """Return the key of each of these tags; those that are new are made.

        Sorted, so that two transactions that make the same tags wait for each other in one order.
        """
        keys = self._keys(names)
        if new := sorted(set(names) - keys.keys()):
            self.bulk_create([Tag(name=name) for name in new], ignore_conflicts=True)
            keys |= self._keys(new)
        return keys

    def _keys(self, names: Collection[str]) -> dict[str, int]:
        return dict(self.filter(name__in=names).values_list("name", "pk"))


class Tag(models.Model):
    """A word that the author has for some of the readers; two spellings are two tags."""

    name = models.CharField(_("name"), max_length=TAGS_LENGTH_MAX, unique=True)

    objects = ReaderTagQuerySet.as_manager()

    class Meta:
        default_permissions = ()  # whoever may change a reader may change the reader's tags
        ordering = ["name"]
        verbose_name = _("tag")
        verbose_name_plural = _("tags")

    def __str__(self) -> str:
        return self.name


class TaggingQuerySet(models.QuerySet["Tagging"]):
    def of(self, tag: str) -> "TaggingQuerySet":
        """Return the rows of a tag; its key is looked up once, where a join would look at the name for each row."""
        return self.filter(tag=Tag.objects.filter(name=tag).order_by().values("pk")[:1])

    def names_of(self, subscribers: Iterable[int]) -> defaultdict[int, list[str]]:
        """Return the tags of each of some thousand readers, in the order in which they were given; one query."""
        found = defaultdict(list)
        rows = self.filter(subscriber__in=list(subscribers)).order_by("pk")
        for subscriber, name in rows.values_list("subscriber_id", "tag__name"):
            found[subscriber].append(name)
        return found

    def give(self, names_of: dict[int, list[str]]) -> None:
        """Give each of these readers these tags, which are made if they are new; call it in a transaction.

        Rows are written as bare values, by one statement: an import writes millions.
        """
        keys = Tag.objects.named({name for names in names_of.values() for name in names})
        rows = [(subscriber, keys[name]) for subscriber, names in names_of.items() for name in names]
        # The name of our own table; every value is a parameter.
        into = f"INSERT INTO {Tagging._meta.db_table} (subscriber_id, tag_id)"  # nosec B608
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                given = "SELECT a, b FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS t (a, b, place)"
                both = [[subscriber for subscriber, _tag in rows], [tag for _subscriber, tag in rows]]
                cursor.execute(f"{into} {given} ORDER BY place ON CONFLICT DO NOTHING", both)
            else:
                cursor.executemany(f"{into} VALUES (%s, %s) ON CONFLICT DO NOTHING", rows)


class Tagging(models.Model):
    """That a reader has a tag; the order of a reader's rows is the order in which the tags were typed.

    The database deletes them with the reader: an import that writes tags at that moment stops no erasing.
    """

    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="taggings", db_index=False
    )
    tag = models.ForeignKey(Tag, on_delete=models.DB_CASCADE, related_name="taggings", db_index=False)

    objects = TaggingQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["subscriber", "tag"], name="a_reader_has_a_tag_once")]
        indexes = [models.Index(fields=["tag", "subscriber"], name="readers_by_tag")]

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.tag}"
