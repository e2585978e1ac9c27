"""Mail that does not reach anybody, and of which the author should know: questions of the doctor."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from newsletter.delivery import suppressing
from newsletter.delivery.models import Mailing, Refusal
from newsletter.desk.findings import WARNING, Finding

LATELY = timedelta(days=30)


def refused_addresses(now: datetime) -> Iterator[Finding]:
    """Tell of mailings whose server calls so many addresses dead that the author should look first."""
    waiting = Refusal.objects.waiting().dead().filter(at__gt=now - LATELY).order_by().values("mailing").distinct()
    for mailing in Mailing.objects.filter(pk__in=waiting).select_related("issue").defer("html", "text"):
        if count := suppressing.in_question(mailing):
            message = _("%(issue)s: the mail server says of %(count)d addresses that they do not exist.")
            hint = _("Decide on the page of the mailing whether it is right; until then none is suppressed.")
            facts = {"issue": mailing.issue, "count": count}
            yield Finding(WARNING, "mailing.refused_addresses", message % facts, hint)
