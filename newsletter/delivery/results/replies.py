"""How many people have answered an issue by mail: those whose mail names the copy that it answers."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Count, Q

from newsletter.delivery.models import Arrival


def counted(until: Mapping[int, datetime]) -> dict[int, int]:
    """Return how many mails by people answered each mailing before a moment. until: by the key of the mailing."""
    if not until:
        return {}
    within = Q()
    for mailing_id, end in until.items():
        within |= Q(mailing_id=mailing_id, received_at__lt=end)
    found = Arrival.objects.filter(within, what=Arrival.What.REPLY).order_by().values_list("mailing_id")
    counts = found.annotate(mails=Count("pk")).values_list("mailing_id", "mails")
    return {mailing: mails for mailing, mails in counts if mailing is not None}
