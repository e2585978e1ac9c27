"""How many mails readers have written in answer to an issue."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Count, Q

from newsletter.delivery.models import Reply


def counted(until: Mapping[int, datetime]) -> dict[int, int]:
    """Return how many replies each issue had before a moment; strangers' are none. until: by the key of the issue."""
    if not until:
        return {}
    within = Q()
    for issue_id, end in until.items():
        within |= Q(issue_id=issue_id, received_at__lt=end)
    found = Reply.objects.filter(within, subscriber__isnull=False).order_by().values_list("issue_id")
    return dict(found.annotate(mails=Count("pk")).values_list("issue_id", "mails"))
