"""Mails that were due in the old house: they are not sent from the new one. What becomes due later is."""

from datetime import datetime

from django.db.models import DateTimeField, Q

from newsletter.delivery.models.course import CourseCopy
from newsletter.operation.site_export.sheets import SHEETS
from subscribers.models import Pause, Subscriber

# Here a column that is empty means that the mail is due at once.
AT_ONCE = ("welcome_due_at", "Pause", "CourseCopy")


def let_go(now: datetime) -> int:
    """Have every mail that is due by now never be sent; return how many those are."""
    is_due = Q(due_at=None) | Q(due_at__lte=now)
    welcomes = Subscriber.objects.filter(Q(welcome_due_at=None) | Q(welcome_due_at__lte=now), welcomed_at=None)
    welcomes = welcomes.exclude(confirmed_at=None)
    return sum(
        [
            welcomes.update(welcomed_at=now, welcome_due_at=None),
            Pause.objects.filter(is_due, settled_at=None, until__lte=now).update(settled_at=now, due_at=None),
            CourseCopy.objects.open().filter(is_due, planned_for__lte=now).update(stopped_at=now, due_at=None),
            *(_empty(sheet.label, now) for sheet in SHEETS),
        ]
    )


def _empty(label: str, now: datetime) -> int:
    """Empty the columns of a model that say when a mail is due, where that has come."""
    model = next(sheet.model for sheet in SHEETS if sheet.label == label)
    columns = [
        field.attname
        for field in model._meta.concrete_fields
        if isinstance(field, DateTimeField) and field.attname.endswith("due_at") and model.__name__ not in AT_ONCE
    ]
    rows = model._base_manager
    return sum(rows.filter(**{f"{name}__lte": now}).update(**{name: None}) for name in columns if name not in AT_ONCE)
