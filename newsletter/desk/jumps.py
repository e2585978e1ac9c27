"""Times that lie further ahead than they may: written while a clock was ahead. They are pulled back to now.

Each wait has a longest time, which stands where the wait is written. A clock that was set back makes rightful waits
look too long as well: what they wait for is then done a little earlier, which each of them bears.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now

from newsletter.delivery.author.alerts import AlertMail
from newsletter.delivery.author.reminders import ReminderMail
from newsletter.delivery.author.result_letters import ResultMail
from newsletter.delivery.ledger.claims import LEASE, LEASE_END
from newsletter.delivery.models import Batch, Mailing
from newsletter.delivery.models.deliveries import RETRY_AFTER
from newsletter.delivery.planning import approving
from newsletter.delivery.readers.course import CourseMail
from newsletter.delivery.readers.missed import MissedMail
from newsletter.delivery.readers.quoting import AnswerMail, QuoteMail
from newsletter.delivery.readers.single_mails import OnceMoreMail
from newsletter.delivery.readers.welcome import WelcomeMail
from newsletter.desk.accounts import attempts
from newsletter.desk.bulk import working
from newsletter.desk.intake import working as intake
from newsletter.desk.models import Errand, FailureCount, PostImport
from newsletter.mail import due
from newsletter.posts.models import Revision
from newsletter.posts.thinning import STEPS
from newsletter.publication.models import Publication
from subscribers.mails import reminding
from subscribers.mails.changing import ChangeMail
from subscribers.mails.freshening import LinkMail
from subscribers.mails.sending import SignUpMail
from subscribers.models import Subscriber
from subscribers.models.mail_budget import MailBudget

SLACK = timedelta(minutes=1)  # that the clocks of machines may differ
PROVIDER_MAX = timedelta(minutes=5)  # Mailing.wait_for_provider
TOMORROW_MAX = timedelta(hours=25)  # Mailing.wait_until: to the next local midnight, of a day with an hour more
DUE_MAILS = (
    SignUpMail,
    ChangeMail,
    LinkMail,
    reminding.ReminderMail,
    WelcomeMail,
    OnceMoreMail,
    AnswerMail,
    QuoteMail,
    MissedMail,
    CourseMail,
    AlertMail,
    ReminderMail,
    ResultMail,
)


@dataclass(frozen=True)
class Wait:
    """A column that says until when something waits. rows: the rows in which it does. at_most: from now."""

    rows: Callable[[], QuerySet[Any]]
    field: str
    at_most: timedelta

    @property
    def model(self) -> type[Model]:
        model: type[Model] = self.rows().model
        return model

    def pull_back(self, now: datetime) -> int:
        too_far = {f"{self.field}__gt": now + self.at_most + SLACK}
        rows = self.rows().filter(**too_far)  # asked first: an UPDATE of nothing makes pages anew where they show rows
        return rows.update(**{self.field: now}) if rows.exists() else 0


WAITS = (
    Wait(lambda: Mailing.objects.filter(provider_failures__gt=0), "retry_at", PROVIDER_MAX),
    Wait(lambda: Mailing.objects.filter(provider_failures=0), "retry_at", TOMORROW_MAX),
    Wait(lambda: Batch.objects.filter(state=Batch.State.OPEN), "not_before", max(RETRY_AFTER)),
    *(Wait(kind.model._default_manager.all, kind.due_at, due.LONGEST) for kind in DUE_MAILS),
    Wait(lambda: Subscriber.objects.filter(state=Subscriber.State.PENDING), "asked_at", timedelta()),
    Wait(MailBudget.objects.all, "latest", timedelta()),
    Wait(lambda: MailBudget.objects.filter(latest__isnull=False), "second", timedelta()),
    Wait(lambda: MailBudget.objects.filter(latest__isnull=False), "third", timedelta()),
    Wait(Revision.objects.all, "thin_at", STEPS[0][0]),
    Wait(lambda: Errand.objects.filter(state__in=Errand.AT_WORK), "lease_until", working.LEASE),
    Wait(lambda: PostImport.objects.filter(state=PostImport.State.WORKING), "lease_until", intake.LEASE),
    Wait(FailureCount.objects.all, "closes_at", attempts.WINDOW),
)


def all_waits() -> Iterator[Wait]:
    """Yield the waits of all rooms; those above the desk name theirs in their AppConfig: model, column, longest."""
    yield from WAITS
    for config in apps.get_app_configs():
        for model, field, at_most in getattr(config, "waits", ()):
            yield Wait(config.get_model(model)._default_manager.all, field, at_most)


def pull_back(now: datetime) -> int:
    """Bring all waits within their limits; return how many were beyond."""
    return sum(wait.pull_back(now) for wait in all_waits()) + sum(_pull_back_leases()) + sum(_pull_back_holds(now))


def _pull_back_leases() -> Iterator[int]:
    """Let a lease end in time that the database's clock wrote while it was ahead; a living owner renews it."""
    too_far = Batch.objects.filter(state=Batch.State.LEASED, lease_until__gt=Now() + LEASE + SLACK)
    yield too_far.update(lease_until=LEASE_END) if too_far.exists() else 0


def _pull_back_holds(now: datetime) -> Iterator[int]:
    """Let an issue that was approved for “now” while the clock was ahead begin after its hold; a slot stays a slot."""
    ahead = Q(state=Mailing.State.SCHEDULED, approved_at__gt=now + SLACK)
    mailings = list(Mailing.objects.filter(ahead).defer("html", "text"))
    hold = approving.hold_of(Publication.objects.fresh()) if mailings else timedelta()
    for mailing in mailings:
        if mailing.send_at - mailing.approved_at <= hold:
            same = Mailing.objects.filter(ahead, pk=mailing.pk, send_at=mailing.send_at)
            yield same.update(approved_at=now, send_at=now + hold)
