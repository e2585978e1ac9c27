"""The Publication: one row with the settings of the newsletter."""

import re
import secrets
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, time
from importlib import import_module

from django.conf import settings
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.mail import headers, tokens
from newsletter.page_cache.site_version import SiteVersion as SiteVersion  # noqa: PLC0414 - registered by being imported
from newsletter.publication import disclosure
from newsletter.publication.changes import Change as Change  # noqa: PLC0414
from newsletter.publication.mail_server import MailServer as MailServer  # noqa: PLC0414
from newsletter.publication.rhythm import rhythm_text, validate_rule

PUBLICATION_CACHE_KEY = "publication"
VERSION_SECONDS = 3600
CACHE_SECONDS = 2  # outside of requests a change may be seen this late


def _salt() -> str:
    return secrets.token_hex(16)


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("%(name)s is not a time zone. One looks like Asia/Taipei."), params={"name": name})


def validate_country(code: str) -> None:
    """code: ISO 3166-1 alpha-2, of a country that the library `holidays` knows."""
    known = import_module("holidays").list_supported_countries(include_aliases=False)  # see issues/public_holidays.py
    if code not in known:
        message = _("The holidays of %(code)s are not known. Enter two letters, such as TW, JP or DE.")
        raise ValidationError(message, params={"code": code})


def validate_bounces_to(address: str) -> None:
    """A token must fit: RFC 5321 allows 64 characters before the @."""
    try:
        headers.return_path(address, "x" * tokens.TOKEN_LENGTH_MAX)
    except ValueError:
        raise ValidationError(
            _("This address is too long: at most 39 characters, a–z and 0–9, before the @.")
        ) from None


_used: "ContextVar[Publication | None]" = ContextVar("publication", default=None)


class PublicationManager(models.Manager["Publication"]):
    def current(self) -> "Publication":
        """The request's Publication, else one at most CACHE_SECONDS old."""
        publication: Publication | None = _used.get() or caches["pages"].get(PUBLICATION_CACHE_KEY)
        return publication or self.fresh()

    def fresh(self) -> "Publication":
        """From the database; created with defaults the first time."""
        publication = self.filter(pk=1).first() or self.get_or_create(pk=1)[0]
        caches["pages"].set(PUBLICATION_CACHE_KEY, publication, CACHE_SECONDS)
        return publication

    def at(self, version: int) -> "Publication":
        """As of this site version or later."""
        key = f"{PUBLICATION_CACHE_KEY}:{version}"
        publication: Publication | None = caches["pages"].get(key)
        if publication is None:
            publication = self.fresh()
            caches["pages"].set(key, publication, VERSION_SECONDS)
        return publication

    @contextmanager
    def used(self, publication: "Publication") -> Iterator[None]:
        """Make `publication` the current one, so that a cached page is consistent."""
        token = _used.set(publication)
        try:
            yield
        finally:
            _used.reset(token)


class Publication(models.Model):
    """The newsletter as a whole: its name, author, sender, rhythm and look."""

    class MailLook(models.TextChoices):
        LETTER = "letter", _("plain letter")
        MAGAZINE = "magazine", _("magazine")
        DIGEST = "digest", _("digest")

    class Theme(models.TextChoices):
        LETTER = "letter", pgettext_lazy("theme", "letter")
        BOOK = "book", pgettext_lazy("theme", "book")
        PLAIN = "plain", pgettext_lazy("theme", "plain")

    class Unapproved(models.TextChoices):
        """What happens to an unapproved issue at its slot."""

        WAIT = "wait", _("waits for its author")
        GO = "go", _("goes out as it was mailed to its author the day before")

    class NumberPosition(models.TextChoices):
        LAST = "last", _("after the words: Subject (No. 42)")
        FIRST = "first", _("before the words: No. 42: Subject")
        NOT = "not", _("nowhere")

    class HeadingFont(models.TextChoices):
        SANS = "sans", _("without serifs")
        SERIF = "serif", _("with serifs")

    class Crawlers(models.TextChoices):
        """What robots.txt asks of AI crawlers."""

        READ = "read", _("nothing: they may read what everybody may read")
        NO_TRAINING = "no-training", _("not for training; assistants and search engines may read")
        NONE = "none", _("no AI crawlers")

    class Check(models.TextChoices):
        STARS = "stars", _("Asterisks that readers would see")
        BRACKETS = "brackets", _("Brackets and quotation marks without a partner")
        PUNCTUATION = "punctuation", _("Half-width punctuation in Chinese")
        ELLIPSIS = "ellipsis", _("An ellipsis is ……")
        TERMS = "terms", _("Terms")
        URL = "url", _("An address that touches Chinese")
        LIST = "list", _("Numbers that could be a list")
        HEADING = "heading", _("A heading without its space")
        TITLE = "title", _("A heading as large as the title")
        LINK = "link", _("A link that leads nowhere")
        HTTP = "http", _("A link without encryption")
        ALT = "alt", _("A picture without an alternative text")
        TAGS = "tags", _("HTML that readers see as typed, or do not get")
        SPACING = "spacing", _("Spaces between Chinese and Latin")

    name = models.CharField(_("name"), max_length=80, default="")  # empty until its owner has said it: is_set_up
    promise = models.CharField(
        _("promise"),
        max_length=160,
        blank=True,
        help_text=_("One sentence that tells a stranger what arrives, and how often."),
    )
    about = models.TextField(_("about"), blank=True, help_text=_("Markdown. Shown on the about page."))
    author = models.CharField(_("author"), max_length=80, default="")
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, default="zh-hant")
    time_zone = models.CharField(_("time zone"), max_length=64, default="Asia/Taipei", validators=[validate_time_zone])

    sender_name = models.CharField(
        _("sender name"), max_length=80, blank=True, help_text=_("If empty, the newsletter's name.")
    )
    sender_email = models.EmailField(_("sender address"), default="newsletter@example.com")
    reply_to = models.EmailField(_("replies go to"), blank=True, help_text=_("Empty: the sender address."))
    bounces_to = models.EmailField(
        _("returned mails go to"),
        blank=True,
        validators=[validate_bounces_to],
        help_text=_(
            "For an SMTP server of your own: bounces@example.org makes each copy come back to "
            "bounces+TOKEN@example.org, which says whose it was. The mailbox must take what stands after the +. "
            "Empty: the sender address."
        ),
    )
    postal_address = models.CharField(
        _("postal address"),
        max_length=200,
        blank=True,
        help_text=_("Printed at the foot of every issue, as the law of many countries asks (CAN-SPAM, GDPR)."),
    )
    data_place = models.CharField(
        _("where data is kept"),
        max_length=120,
        blank=True,
        help_text=_(
            "Where the server stands, such as a country. The privacy notice names it, as the law of many places asks."
        ),
    )
    security_contact = models.CharField(
        _("reports of security holes go to"),
        max_length=200,
        blank=True,
        validators=[disclosure.validate_contact],
        help_text=_(
            "An e-mail address, or a page that begins with https://. Shown at /.well-known/security.txt. "
            "Empty: where replies go."
        ),
    )

    takes_readers = models.BooleanField(
        _("new readers may sign up"), default=True, help_text=_("Without the tick, forms say that sign-up is closed.")
    )
    refuses_throwaway = models.BooleanField(
        _("refuse throw-away addresses"),
        default=False,
        help_text=_(
            "Addresses at domains whose mailboxes end after some minutes, by a list of some ten thousand. The form "
            "says so, and asks for another."
        ),
    )

    asks_heard = models.BooleanField(
        _("ask how they heard of you"),
        default=False,
        help_text=_("One sentence, on the page behind the confirmation. Nobody has to answer."),
    )
    asks_name = models.BooleanField(
        _("ask for the name"),
        default=False,
        db_default=False,
        help_text=_(
            "A second line in the form; nobody has to fill it in. Write {name|friend} in the introduction, the closing "
            "or the welcome, and readers see their name there, or the second word."
        ),
    )
    invites = models.BooleanField(
        _("readers invite readers"),
        default=False,
        db_default=False,
        help_text=_(
            "A link of their own in the foot of each reader's letter. Counted when somebody has come by it: a number "
            "that only that reader sees; who came by whom is not kept."
        ),
    )
    reminds_unconfirmed = models.BooleanField(
        _("remind who has not confirmed"),
        default=False,
        help_text=_("One mail, two days after the sign-up, with the same link. The privacy page says so."),
    )

    welcome = models.TextField(
        _("welcome"),
        blank=True,
        help_text=_("Markdown. How the letter to a new reader begins. Empty: the words that the preview shows."),
    )
    welcome_question = models.CharField(
        _("one question"),
        max_length=200,
        blank=True,
        help_text=_("Closes that letter, to be answered by a reply: what do you hope to read here? Empty: none."),
    )

    gift = models.FileField(_("gift"), max_length=200, blank=True, default="", db_default="")
    gift_bytes = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    gift_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)  # how often it was fetched

    course = models.JSONField(_("first letters"), default=list, blank=True, help_text="numbers of issues")
    course_days = models.PositiveSmallIntegerField(
        _("days between them"), default=3, help_text=_("And after the welcome. Never on the day of an issue.")
    )

    counts_links = models.BooleanField(
        _("count which links are followed"),
        default=False,
        db_default=False,
        help_text=_(
            "Links of an issue then lead over this site, the same for every reader. You see about how many people "
            "followed each, never who; nobody is counted whose program asks not to be tracked. The privacy page says "
            "so. Begins with the next issue that you schedule."
        ),
    )

    cadence_anchor_on = models.DateField(
        _("first slot"), default=date(2025, 1, 7), help_text=_("None is before it, and days are counted from it.")
    )
    cadence_at = models.TimeField(_("time of day"), default=time(8, 0))
    cadence_days = models.PositiveSmallIntegerField(_("days between issues"), default=14)
    cadence_rule = models.CharField(
        _("how often"), max_length=40, blank=True, default="", db_default="", validators=[validate_rule]
    )
    holiday_country = models.CharField(
        _("holidays of"),
        max_length=2,
        blank=True,
        default="TW",
        validators=[validate_country],
        help_text=_("The two letters of a country, such as TW or JP. Empty: the calendar knows no holidays."),
    )
    hold_minutes = models.PositiveSmallIntegerField(
        _("hold in minutes"),
        default=3,
        help_text=_("Between “send” and the first mail. Cancel before then and nobody gets it."),
    )
    number_typed_above = models.PositiveIntegerField(
        _("ask for the issue number above this many readers"),
        default=1000,
        help_text=_("Then no single press on the desk sends an issue."),
    )
    unapproved = models.CharField(
        _("without an approval the issue"),
        max_length=4,
        choices=Unapproved,
        default=Unapproved.WAIT,
        help_text=_("24 hours before a slot you get the letter itself, with links to approve, move or skip it."),
    )
    tells_results = models.BooleanField(
        _("result letter"),
        default=True,
        db_default=True,
        help_text=_("Three days after an issue you get a letter with what became of it and what it has brought."),
    )
    warm_up_from = models.DateField(
        _("warming up since"),
        null=True,
        blank=True,
        help_text=_(
            "The first day on which a new sender address sends. It begins with 200 mails a day and grows by a half "
            "every day, so that mailbox providers get to know it; what is over leaves on the next day. Empty: no "
            "ceiling."
        ),
    )

    owners_need_second_factor = models.BooleanField(
        _("owners need a second factor"),
        default=False,
        help_text=_(
            "An owner who has none is asked for it after logging in, and can do nothing else on the desk until then."
        ),
    )

    han_per_minute = models.PositiveSmallIntegerField(_("Chinese characters read in a minute"), default=400)
    words_per_minute = models.PositiveSmallIntegerField(_("Latin words read in a minute"), default=238)
    terms = models.TextField(
        _("terms"),
        blank=True,
        help_text=_("One a line: e-mail → email. What you do not write, and what you write instead."),
    )
    checks_off = models.JSONField(
        _("what the format check keeps quiet about"),
        default=list,
        blank=True,
        help_text=_("Ticked: not looked for, in no post."),
    )

    accent = models.CharField(
        _("accent colour"),
        max_length=7,
        default="#9a3412",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Enter a colour like #9a3412."))],
    )
    theme = models.CharField(_("look of the site"), max_length=10, choices=Theme, default=Theme.LETTER)
    logo = models.ImageField(_("logo"), blank=True)
    logo_alt = models.CharField(
        _("what the logo shows"),
        max_length=100,
        blank=True,
        db_default="",
        help_text=_("For those who cannot see it. Empty: it is skipped, because the name is beside it."),
    )
    face = models.ImageField(
        _("your face"),
        blank=True,
        db_default="",
        help_text=_("A photograph at the head of every issue by mail, beside the name."),
    )
    face_alt = models.CharField(
        _("what the photograph shows"),
        max_length=100,
        blank=True,
        db_default="",
        help_text=_("For those who cannot see it. Empty: your name."),
    )
    look = models.CharField(_("look of the mails"), max_length=10, choices=MailLook, default=MailLook.LETTER)
    heading_font = models.CharField(
        _("headings"), max_length=10, choices=HeadingFont, default=HeadingFont.SERIF, help_text=_("In the mails.")
    )
    numbered = models.CharField(
        _("number in the subject"),
        max_length=5,
        choices=NumberPosition,
        default=NumberPosition.NOT,
        help_text=_("By it a reader finds an issue again, and mail programs keep two of one subject apart."),
    )
    footer = models.CharField(
        _("footer"),
        max_length=300,
        blank=True,
        help_text=_("A sentence of your own at the foot of every mail, such as a company's name and number."),
    )
    signature = models.TextField(_("signature"), blank=True, help_text=_("Markdown. Closes every issue."))

    menu = models.JSONField(_("menu"), default=list, blank=True)  # see posts/menu.py

    crawlers = models.CharField(
        _("to crawlers of AI companies robots.txt says"),
        max_length=12,
        choices=Crawlers,
        default=Crawlers.READ,
        db_default=Crawlers.READ,
        help_text=_("A request, not a lock: those who want to be polite keep to it."),
    )

    salt = models.CharField(max_length=32, default=_salt, editable=False)
    calendar_salt = models.CharField(_("link of the calendar"), max_length=32, blank=True, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = PublicationManager()

    class Meta:
        verbose_name = _("publication")
        verbose_name_plural = _("publication")
        permissions = [("see_mail", "Can read every mail in the outbox")]
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="one_publication_per_installation"),
            models.CheckConstraint(condition=models.Q(cadence_days__gte=7), name="never_twice_a_week"),
            models.CheckConstraint(
                condition=models.Q(han_per_minute__gte=50, words_per_minute__gte=50), name="readers_get_on"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_set_up(self) -> bool:
        """Whether it has a name. Until then readers see one page, and nothing can be scheduled."""
        return bool(self.name)

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def rhythm_text(self) -> str:
        """Such as "every 14 days", in the active language."""
        return rhythm_text(self.cadence_days, self.cadence_rule)

    @property
    def sender(self) -> tuple[str, str]:
        return self.sender_name or self.name, self.sender_email

    @property
    def gift_name(self) -> str:
        return (self.gift.name or "").rpartition("/")[2]

    def unspaced_names(self) -> tuple[str, ...]:
        """Names that get no space between Chinese and Latin: our own, and the right side of the terms."""
        terms = (re.split("→|⇒|->|=>", line)[-1].strip() for line in self.terms.splitlines())
        return tuple(filter(None, (self.name, self.author, self.sender_name, *terms)))
