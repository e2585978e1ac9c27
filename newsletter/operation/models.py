"""Nightly backups, and problems found by the doctor."""

from datetime import date, datetime, timedelta

from django.db import IntegrityError, models, transaction

from newsletter.operation.findings import Finding

CHECK_INTERVAL = timedelta(hours=1)
CLAIM_TTL = timedelta(hours=2)  # a claim without result expires after this


class NightlyBackup(models.Model):
    """The row of a day shows that its backup is being made, that it is made, or why not."""

    day = models.DateField(unique=True, help_text="in the publication's zone")
    begun_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True)
    octets = models.PositiveBigIntegerField(default=0)
    failure = models.TextField(blank=True, default="", help_text="why it was not made")
    tried_at = models.DateTimeField(null=True, help_text="when it was loaded beside the product, to know that it works")
    trial = models.TextField(blank=True, default="", help_text="why it would not bring the product back")

    class Meta:
        ordering = ("day",)

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {'made' if self.made_at else 'not made'}"

    @classmethod
    def held(cls, day: date, now: datetime) -> bool:
        """Is the day's backup being made, or made? A claim expires after CLAIM_TTL."""
        return cls.objects.filter(day=day).exclude(cls._dead(now)).exists()

    @classmethod
    def claim(cls, day: date, now: datetime) -> "NightlyBackup | None":
        """Claim the day's backup; None if another process has it, or it is made."""
        try:
            with transaction.atomic():
                return cls.objects.create(day=day, begun_at=now)
        except IntegrityError:
            taken = cls.objects.filter(cls._dead(now), day=day).update(begun_at=now)
            return cls.objects.get(day=day) if taken else None

    @staticmethod
    def _dead(now: datetime) -> models.Q:
        ahead = models.Q(begun_at__gt=now)  # a wrong clock
        return (models.Q(begun_at__lt=now - CLAIM_TTL) | ahead) & models.Q(made_at=None)


class Look(models.Model):
    """When the hourly check ran last: a single row."""

    at = models.DateTimeField()
    key_marks = models.TextField(
        blank=True, default="", db_default="", help_text="of each secret key so far, by which a lost one is known"
    )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"

    @classmethod
    def is_due(cls, now: datetime) -> bool:
        """Has an hour passed? A time in the future was written by a wrong clock."""
        return not cls.objects.filter(at__gt=now - CHECK_INTERVAL, at__lte=now).exists()

    @classmethod
    def note(cls, now: datetime) -> bool:
        """Record a run and lock the row; return whether it is the first."""
        return cls.objects.select_for_update().update_or_create(pk=1, defaults={"at": now})[1]

    @classmethod
    def marks(cls) -> set[str]:
        return {mark for text in cls.objects.values_list("key_marks", flat=True) for mark in text.split()}

    @classmethod
    def keep_marks(cls, marks: set[str]) -> None:
        """No effect before the first run."""
        cls.objects.update(key_marks=" ".join(sorted(marks)))


NAME_MAX = 80  # characters


class Trouble(models.Model):
    """A problem that the hourly check found, and whether it was reported."""

    name = models.CharField(max_length=NAME_MAX, unique=True, help_text="the finding's id, and what it is about")
    level = models.CharField(max_length=10, default="", db_default="", help_text="empty once it is over")
    message = models.TextField(help_text="as it was told")
    hint = models.TextField(blank=True, default="", db_default="", help_text="what to do about it")
    since = models.DateTimeField()
    looks = models.PositiveIntegerField(default=0, help_text="in a row, that have found it")
    told_at = models.DateTimeField(null=True, help_text="when it was told, or known to be so from the beginning")
    by_mail = models.BooleanField(default=False)

    class Meta:
        ordering = ("since", "pk")

    def __str__(self) -> str:
        return self.name

    @property
    def machine(self) -> str:
        """The machine that it is about; "" for a problem that all share."""
        return self.name.partition("@")[2]

    @property
    def finding(self) -> str:
        return self.name.partition("@")[0].partition(":")[0]

    def as_finding(self) -> Finding:
        about = self.name.partition("@")[0].partition(":")[2]
        return Finding(self.level, self.finding, self.message, self.hint, int(about or 0))
