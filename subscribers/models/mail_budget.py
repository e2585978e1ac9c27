"""How many mails strangers may have sent to one mailbox: three within 24 hours, whichever door they use.

A door takes from the budget when a mail is asked for, in the transaction that makes the mail due: the tries of one
mail count once, and what was refused leaves no trace. The page must not reveal whether it was.
"""

from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import F, Q

from newsletter.mail.due import CLOCK_SLACK
from newsletter.mail.tokens import digest
from subscribers.addresses import canonical_mailbox

WITHIN = timedelta(hours=24)


class MailBudget(models.Model):
    """When the last three mails to a mailbox were asked for. The mailbox itself is not kept, only a digest of it."""

    mailbox = models.CharField(max_length=32, help_text="a digest under the secret of the installation")
    latest = models.DateTimeField(null=True)
    second = models.DateTimeField(null=True)
    third = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index("latest", name="budgets_by_age")]
        constraints = [models.UniqueConstraint(fields=["mailbox"], name="one_budget_per_mailbox")]

    def __str__(self) -> str:
        return self.mailbox


def take(email: str, now: datetime) -> bool:
    """Count one mail that a stranger may have asked for to this mailbox.

    Return False when three have been counted within 24 hours: then nothing is counted, and nothing may be sent.
    Two requests at the same moment cannot take the same place: the row moves on by one conditional UPDATE.
    """
    mailbox = digest("mail budget", canonical_mailbox(email))
    with transaction.atomic():
        MailBudget.objects.bulk_create([MailBudget(mailbox=mailbox)], ignore_conflicts=True)
        has_room = Q(third=None) | Q(third__lte=now - WITHIN) | Q(third__gt=now + CLOCK_SLACK)  # of a clock ahead
        row = MailBudget.objects.filter(has_room, mailbox=mailbox)
        return bool(row.update(third=F("second"), second=F("latest"), latest=now))


def forget(now: datetime) -> None:
    """Delete what limits nobody any more."""
    MailBudget.objects.filter(latest__lte=now - WITHIN).delete()
