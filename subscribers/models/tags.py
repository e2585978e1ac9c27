"""Tags of readers, by which mailings are segmented."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

SEPARATOR = re.compile("[,，、]")  # in typed tags; exports use a plain comma
TAGS_LENGTH_MAX = 200  # characters of all tags of a reader with commas


def split_tags(text: str) -> list[str]:
    parts = (" ".join(part.split()) for part in SEPARATOR.split(text))
    return list(dict.fromkeys(filter(None, parts)))


def join_tags(names: Iterable[str]) -> str:
    return ",".join(names)


class ReaderTagQuerySet(models.QuerySet["ReaderTag"]):
    def in_use(self) -> list[str]:
        """Names of tags that any reader has, sorted; one index lookup per tag."""
        used = self.filter(Exists(Tagging.objects.filter(tag=OuterRef("pk"))))
        return sorted(used.values_list("name", flat=True))

    def get_or_create_keys(self, names: Collection[str]) -> dict[str, int]:
        """Primary keys by name; new tags are created in sorted order, against deadlocks."""
        keys = self._keys(names)
        if new := sorted(set(names) - keys.keys()):
            self.bulk_create([ReaderTag(name=name) for name in new], ignore_conflicts=True)
            keys |= self._keys(new)
        return keys

    def _keys(self, names: Collection[str]) -> dict[str, int]:
        return dict(self.filter(name__in=names).values_list("name", "pk"))


class ReaderTag(models.Model):
    """A tag of readers, case-sensitive."""

    name = models.CharField(_("name"), max_length=TAGS_LENGTH_MAX, unique=True)

    objects = ReaderTagQuerySet.as_manager()

    class Meta:
        db_table = "subscribers_tag"
        default_permissions = ()  # whoever may change a reader may change the reader's tags
        ordering = ["name"]
        verbose_name = _("tag")
        verbose_name_plural = _("tags")

    def __str__(self) -> str:
        return self.name


class TaggingQuerySet(models.QuerySet["Tagging"]):
    def with_tag(self, tag: str) -> "TaggingQuerySet":
        """A subquery, because a join would compare the name on each row."""
        return self.filter(tag=ReaderTag.objects.filter(name=tag).order_by().values("pk")[:1])

    def names_of(self, subscribers: Iterable[int]) -> defaultdict[int, list[str]]:
        """Tags by reader in order; one query for some thousand readers."""
        found = defaultdict(list)
        rows = self.filter(subscriber__in=list(subscribers)).order_by("pk")
        for subscriber, name in rows.values_list("subscriber_id", "tag__name"):
            found[subscriber].append(name)
        return found

    def give(self, names_of: dict[int, list[str]]) -> None:
        """Add tags by reader, creating new ones; call it in a transaction."""
        keys = ReaderTag.objects.get_or_create_keys({name for names in names_of.values() for name in names})
        rows = (Tagging(subscriber_id=pk, tag_id=keys[name]) for pk, names in names_of.items() for name in names)
        self.bulk_create(rows, ignore_conflicts=True)


class Tagging(models.Model):
    """A tag of a reader; a reader's rows are in the typed order.

    The database cascades, not Django: so an erasure does not fail if an import adds tags meanwhile.
    """

    subscriber = models.ForeignKey(
        "subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="taggings", db_index=False
    )
    tag = models.ForeignKey(ReaderTag, on_delete=models.DB_CASCADE, related_name="taggings", db_index=False)

    objects = TaggingQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["subscriber", "tag"], name="a_reader_has_a_tag_once")]
        indexes = [models.Index(fields=["tag", "subscriber"], name="readers_by_tag")]

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.tag}"
