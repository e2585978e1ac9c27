"""Queue rows of mails to readers, rate limits per mailbox, and failures."""

from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from newsletter.mail.mail_queue import CLOCK_SLACK
from newsletter.mail.tokens import keyed_digest
from subscribers.addresses import canonical_mailbox
from subscribers.models.suppressions import address_hash

BUDGET_WINDOW = timedelta(hours=24)


class MailBudget(models.Model):
    """Times of the last three requested mails to a mailbox, which is stored as a digest."""

    mailbox = models.CharField(max_length=32, help_text="a digest under the secret of the installation")
    latest = models.DateTimeField(null=True)
    second = models.DateTimeField(null=True)
    third = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index("latest", name="budgets_by_age")]
        constraints = [models.UniqueConstraint(fields=["mailbox"], name="one_budget_per_mailbox")]

    def __str__(self) -> str:
        return self.mailbox


def consume_mail_quota(email: str, now: datetime) -> bool:
    """Count a mail that a stranger may have requested; return False, without counting, after three in 24 hours.

    Safe under concurrency: one conditional UPDATE.
    """
    mailbox = keyed_digest("mail budget", canonical_mailbox(email))
    with transaction.atomic():
        MailBudget.objects.bulk_create([MailBudget(mailbox=mailbox)], ignore_conflicts=True)
        # A time in the future was stored while the clock was ahead.
        has_room = Q(third=None) | Q(third__lte=now - BUDGET_WINDOW) | Q(third__gt=now + CLOCK_SLACK)
        row = MailBudget.objects.filter(has_room, mailbox=mailbox)
        return bool(row.update(third=F("second"), second=F("latest"), latest=now))


class LinkWishManager(models.Manager["LinkWish"]):
    def keep(self, email: str, now: datetime) -> None:
        """Takes the same time whether or not the address is a reader's."""
        self.bulk_create([LinkWish(address_hash=address_hash(email), asked_at=now)], ignore_conflicts=True)


class LinkWish(models.Model):
    """A request for the link to one's own data, by address; a worker turns it into a FreshLink or deletes it."""

    address_hash = models.CharField(max_length=32)
    asked_at = models.DateTimeField()

    objects = LinkWishManager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address_hash"], name="one_wish_per_address")]
        verbose_name = _("request for a link")
        verbose_name_plural = _("requests for a link")

    def __str__(self) -> str:
        return self.address_hash


class FreshLink(models.Model):
    """A queued mail with a link to a reader's own data; deleted when sent. Each try signs a new link."""

    subscriber = models.OneToOneField("subscribers.Subscriber", on_delete=models.CASCADE, related_name="fresh_link")
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("link that is asked for")
        verbose_name_plural = _("links that are asked for")

    def __str__(self) -> str:
        return str(self.subscriber_id)


FAILURES_SHOWN_FOR = timedelta(days=14)


class UnsentQuerySet(models.QuerySet["Unsent"]):
    def lately(self, now: datetime) -> "UnsentQuerySet":
        return self.filter(at__gt=now - FAILURES_SHOWN_FOR)


class Unsent(models.Model):
    """A mail to a reader that failed for good."""

    class MailKind(models.TextChoices):
        SIGN_UP = "sign-up", _("sign-up")
        CHANGE = "change", _("change of address")
        LINK = "link", _("link that is asked for")

    what = models.CharField(max_length=10, choices=MailKind)
    at = models.DateTimeField(db_index=True)
    reason = models.CharField(max_length=200, help_text="in a word and a code, without any address")

    objects = UnsentQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("mail that was given up")
        verbose_name_plural = _("mails that were given up")

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


class ConfirmationReminder(models.Model):
    """The reminder of an unconfirmed sign-up; deleted with it, or when it is confirmed."""

    subscriber = models.OneToOneField(
        "subscribers.Subscriber", on_delete=models.DB_CASCADE, related_name="confirmation_reminder"
    )
    made_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("reminder to confirm")
        verbose_name_plural = _("reminders to confirm")

    def __str__(self) -> str:
        return str(self.subscriber_id)
