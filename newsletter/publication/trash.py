"""The trash: hidden rows that can be restored for 30 days, and are then deleted."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from newsletter.publication.changes import Change

TRASH_LIFETIME = timedelta(days=30)


class OutOfTrash[M: models.Model](models.Manager[M]):
    """The default manager of a model with `trashed_at`: excludes the trash."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(trashed_at__isnull=True)


def move_to_trash(rows: "models.QuerySet[Any]", now: datetime) -> list[Any]:
    """Move `rows` to the trash; return them. They are locked, so that none is scheduled meanwhile."""
    with transaction.atomic():
        found = list(rows.order_by().select_for_update(of=("self",)))
        rows.model.with_trash.filter(pk__in=[row.pk for row in found]).update(trashed_at=now)
        Change.objects.log(Change.Action.DELETED, found, at=now)
    return found


def in_trash(model: Any) -> Any:
    return model.with_trash.filter(trashed_at__isnull=False).order_by("-trashed_at", "-pk")


def put_back(row: Any) -> None:
    row.trashed_at = None
    row.save(update_fields=["trashed_at"])
    Change.objects.log(Change.Action.RESTORED, [row])


def expired(model: Any) -> Any:
    return in_trash(model).filter(trashed_at__lte=timezone.now() - TRASH_LIFETIME).order_by()
