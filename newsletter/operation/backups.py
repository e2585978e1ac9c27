"""What the doctor and the desk's home say of a database that was restored."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from newsletter.delivery.ledger import restored
from newsletter.operation.findings import ERROR, Finding


def restoration(now: datetime) -> Iterator[Finding]:
    if restored.is_undecided():
        message = _("The database comes from a backup: no issue is sent until you have decided what has left since.")
        hint = _("Read what is missing and choose, on the desk at %s.") % reverse("admin:restored")
        yield Finding(ERROR, "database.restored", message, hint)
