"""A slot that a letter's answer moved or skipped is a shift of the rhythm; those that still lie ahead become one."""

from zoneinfo import ZoneInfo

from django.db import migrations
from django.utils import timezone


def shift_what_was_answered(apps, schema_editor):
    publication = apps.get_model("publication", "Publication").objects.first()
    if publication is None:
        return
    now, zone = timezone.now(), ZoneInfo(publication.time_zone)
    rows = apps.get_model("delivery", "Reminder").objects.filter(kind="letter", answer__in=["moved", "skipped"])
    for row in rows.order_by("pk"):
        if max(row.slot_at, row.moved_to or row.slot_at) > now:
            keep(apps.get_model("issues", "Shift").objects, row, zone)


def keep(shifts, row, zone):
    """Keep the shift of a slot. A slot that was moved twice is moved from its first day."""
    day = row.slot_at.astimezone(zone).date()
    earlier = shifts.filter(kind="moved", to_on=day).first()
    to = row.moved_to and row.moved_to.astimezone(zone)
    columns = {"kind": row.answer, "made_at": row.answered_at or row.at, "to_on": None, "to_at": None}
    if row.answer == "moved":
        if to is None:
            return
        columns |= {"to_on": to.date(), "to_at": to.time()}
    shifts.update_or_create(slot_on=earlier.slot_on if earlier else day, defaults=columns)


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0019_proposals"),
        ("issues", "0005_shifts"),
        ("publication", "0016_calendar"),
    ]

    operations = [migrations.RunPython(shift_what_was_answered, migrations.RunPython.noop)]
