"""Links of letters and their clicks: counts, and for a day salted hashes that cannot be traced back later."""

from django.conf import settings
from django.db import models
from django.urls import reverse

from newsletter.delivery.models.mailing import Mailing
from newsletter.mail import tokens

HASH_LENGTH = 16  # hex characters
WORDS_LENGTH = 200


class Link(models.Model):
    """A counted link of a mailing's letter. Its token is the same for all readers."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="links")
    token = models.CharField(max_length=tokens.TOKEN_LENGTH_MAX, unique=True)
    url = models.TextField()
    words = models.CharField(max_length=WORDS_LENGTH, blank=True, help_text="what readers see of it")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.url

    @property
    def address(self) -> str:
        return settings.SITE_URL + reverse("delivery:follow", args=[self.token])


class LinkDayCount(models.Model):
    """The clicks of a link on one day: about how many people, and how many machines."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    people = models.PositiveIntegerField(default=0)
    machines = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "delivery_daycount"
        constraints = [models.UniqueConstraint(fields=["link", "day"], name="a_day_of_a_link_is_counted_once")]

    def __str__(self) -> str:
        return f"{self.link_id} {self.day}: {self.people}"


class Visit(models.Model):
    """A click today. Deleted at night, together with the salt of its hashes."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="visits")
    day = models.DateField()
    who = models.CharField(max_length=HASH_LENGTH, help_text="of network and program")
    network = models.CharField(max_length=HASH_LENGTH, help_text="of the network alone")
    at = models.DateTimeField()
    is_machine = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "day", "who"], name="a_visit_counts_once_a_day")]
        indexes = [models.Index(fields=["day"], name="visits_by_day")]

    def __str__(self) -> str:
        return f"{self.link_id} {self.day}"


class DaySalt(models.Model):
    """The salt of one day's hashes."""

    day = models.DateField(primary_key=True)
    salt = models.CharField(max_length=tokens.SALT_LENGTH)

    def __str__(self) -> str:
        return str(self.day)
