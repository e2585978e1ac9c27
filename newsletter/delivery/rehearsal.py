"""Test copies: the real letter through the real pipeline, to the author's own addresses, counted nowhere."""

import time

from django.utils import timezone
from django.utils.translation import gettext as _

from newsletter.delivery.models import Mailing
from newsletter.delivery.rendering import copy_for, freeze
from newsletter.delivery.transports import Outcome, transport_for
from newsletter.issues.models import Issue
from newsletter.mail.message import Mail
from subscribers.models import Subscriber


def example_reader(address: str, name: str = "") -> Subscriber:
    """Return a reader who is in no table: the links of his copy lead to pages that say so."""
    return Subscriber(pk=0, email=address, name=name)


def rehearsed(issue: Issue, address: str, name: str = "") -> Mail:
    """Build the mail that a reader would get if `issue` were sent as it is now, marked as a test."""
    now = timezone.now()
    mailing = Mailing(issue=issue, approved_at=now, send_at=now, **freeze(issue).columns())
    ids = (issue.number, time.time_ns())
    return copy_for(mailing, example_reader(address, name), ids=ids, subject_mark=_("[Test] "))


def send_test_copy(issue: Issue, address: str) -> Outcome:
    """Send one test copy; return the provider's answer.

    Raises ProviderAway or ProviderRefuses when the provider takes nothing.
    """
    transport = transport_for("bulk")
    try:
        return transport.send(rehearsed(issue, address))
    finally:
        transport.close()
