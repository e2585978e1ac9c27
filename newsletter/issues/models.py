"""Issue, its items and corrections; kept texts and starting points."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from django.db import models
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Prefetch, Q, prefetch_related_objects
from django.db.models.functions import ExtractYear
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from newsletter.issues.schedule import HolidayAnswer as HolidayAnswer  # noqa: PLC0414 - registered by being imported
from newsletter.issues.schedule import Shift as Shift  # noqa: PLC0414
from newsletter.mail import tokens
from newsletter.mail.html import demote_headings
from newsletter.posts.models import Image, Post, PostQuerySet, attach_covers
from newsletter.publication.models import Publication
from newsletter.publication.pictures.cards import Card
from newsletter.publication.trash import OutOfTrash

NUMBER_MAX = 2_147_483_647  # PostgreSQL's integer; SQLite has no such limit
CHOICES_MIN, CHOICES_MAX = 2, 5  # answers to the question of an issue
LINE_MAX = 200  # characters that somebody may add to an answer
QUESTION_OPEN_FOR = timedelta(days=14)
_TAG = re.compile(r"<[a-z][^>]*>")
_NAME = re.compile(r'(\sid="|\shref="#)')


class IssueQuerySet(models.QuerySet["Issue"]):
    def archived(self) -> "IssueQuerySet":
        """Sent issues, newest first: what readers may see.

        Ordered by date, not by number: imported old mails may get high numbers.
        """
        return self.filter(sent_at__isnull=False).order_by("-sent_at", "-number")

    def unsent(self) -> "IssueQuerySet":
        return self.filter(sent_at__isnull=True).order_by("number")

    def for_listing(self, now: datetime) -> "IssueQuerySet":
        """With items and titles of public posts, without texts."""
        public = IssueItem.objects.filter(post__published_at__lte=now).select_related("post")
        public = public.only("issue", "form", "post__title", "post__words", "post__is_page", "post__updated_at")
        return self.defer("introduction", "closing").prefetch_related(Prefetch("items", queryset=public))

    def in_year(self, year: int) -> "IssueQuerySet":
        """Sent in `year` on the local calendar, oldest first."""
        is_year = MINYEAR < year < MAXYEAR  # conversion to UTC would overflow
        return self.filter(sent_at__year=year).order_by("sent_at", "number") if is_year else self.none()

    def years(self) -> "models.QuerySet[Issue, tuple[int, int]]":
        """(year, number of issues), newest first."""
        by_year = self.order_by().annotate(year=ExtractYear("sent_at")).values("year")
        return by_year.annotate(amount=Count("pk")).order_by("-year").values_list("year", "amount")

    def years_beside(self, year: int) -> tuple[int | None, int | None]:
        """The nearest years with issues before and after `year`; None at the ends."""
        new_year, next_new_year = (
            datetime(at, 1, 1, tzinfo=timezone.get_current_timezone()) for at in (year, year + 1)
        )
        ends = self.order_by().aggregate(
            older=Max("sent_at", filter=Q(sent_at__lt=new_year)),
            newer=Min("sent_at", filter=Q(sent_at__gte=next_new_year)),
        )
        older, newer = (at and timezone.localtime(at).year for at in (ends["older"], ends["newer"]))
        return older, newer

    def older(self, at: datetime, number: int) -> "IssueQuerySet":
        """Sent before issue `number`, which was sent at `at`; newest first."""
        return self.filter(Q(sent_at__lt=at) | Q(number__lt=number), sent_at__lte=at).order_by("-sent_at", "-number")

    def newer(self, at: datetime, number: int) -> "IssueQuerySet":
        """Sent after issue `number`, which was sent at `at`; oldest first."""
        return self.filter(Q(sent_at__gt=at) | Q(number__gt=number), sent_at__gte=at).order_by("sent_at", "number")


class ChoiceTally(NamedTuple):
    """How often an answer was given. share: in percent of all. from_page: of `times`, without a letter."""

    label: str
    times: int
    share: int
    from_page: int = 0


class Issue(models.Model):
    """One number of the newsletter: an introduction, some posts, a closing."""

    number = models.PositiveIntegerField(_("number"))
    subject = models.CharField(_("subject"), max_length=200)
    preheader = models.CharField(
        _("preheader"),
        max_length=150,
        blank=True,
        help_text=_("The grey line after the subject in an inbox; 40 to 100 characters. Empty: the beginning."),
    )
    introduction = models.TextField(_("introduction"), blank=True, help_text=_("Markdown."))
    closing = models.TextField(_("closing"), blank=True, help_text=_("Markdown."))
    question = models.CharField(
        _("question"), max_length=120, blank=True, help_text=_("The letter and the page ask it, for two weeks at most.")
    )
    question_choices = models.TextField(_("answers"), blank=True, help_text=_("Two to five, one a line."))
    shows_result = models.BooleanField(
        _("Readers see the result"),
        default=False,
        help_text=_("After they have answered, and on the page once the question is closed."),
    )
    # Of the hashes of who has answered; emptied when the question closes.
    question_salt = models.CharField(max_length=tokens.SALT_LENGTH, default=tokens.new_salt, editable=False)
    posts = models.ManyToManyField(Post, through="IssueItem", related_name="issues", verbose_name=_("posts"))
    version = models.PositiveIntegerField(default=1, editable=False)  # optimistic lock between tabs
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True, editable=False, db_index=True)
    imported_at = models.DateTimeField(null=True, editable=False)  # mailed by another program, never by this one
    trashed_at = models.DateTimeField(null=True, editable=False)

    post_count: int  # public posts; set by annotations.attach_contents
    reading_minutes: int
    contents: list[tuple[str, str]]  # URL and title of its posts; set by annotations.attach_contents
    cover_id: int | None  # of the first post with a cover; set by annotations.attach_contents
    cover: Image | None  # set by posts.models.attach_covers
    opening: str  # first sentences; set by annotations.attach_openings

    objects = OutOfTrash.from_queryset(IssueQuerySet)()
    with_trash = IssueQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        verbose_name = _("issue")
        verbose_name_plural = _("issues")
        permissions = [("send_issue", "Can send issues to readers")]
        constraints = [
            models.UniqueConstraint(
                fields=["number"], condition=Q(trashed_at__isnull=True), name="a_number_is_given_once"
            )
        ]

    def __str__(self) -> str:
        words = {"number": self.number, "subject": self.subject}
        return str(_("#%(number)s %(subject)s") % words).rstrip()  # a proposed draft has no subject

    def get_absolute_url(self) -> str:
        return reverse("issues:issue", args=[self.number])

    def repeats_title(self) -> bool:
        return [item.post.title for item in self.items.all()] == [self.subject]

    @property
    def preview_card(self) -> Card:
        publication = Publication.objects.current()
        day = date_format(timezone.localtime(self.sent_at)) if self.sent_at else ""
        return Card(self.subject, publication.name, day, publication.accent, number=str(self.number))

    @property
    def preview_card_url(self) -> str:
        return reverse("issues:card", args=[self.number, self.preview_card.digest])

    @property
    def choices(self) -> list[str]:
        """The answers that the question offers; none while it is incomplete."""
        lines = self.question_choices.splitlines() if self.question else []
        return lines if len(lines) >= CHOICES_MIN else []

    def takes_votes(self, now: datetime) -> bool:
        """Whether its question is open: for two weeks, or until the next issue is sent."""
        if not self.choices or not self.sent_at or not self.question_salt or now >= self.sent_at + QUESTION_OPEN_FOR:
            return False
        return not Issue.objects.newer(self.sent_at, self.number).filter(sent_at__lte=now).exists()

    def tally(self) -> list[ChoiceTally]:
        counted = self.votes.order_by().values_list("choice", "is_from_page").annotate(Count("pk"))
        given = Counter({(choice, is_from_page): count for choice, is_from_page, count in counted})
        total = given.total()
        return [
            ChoiceTally(label, times, round(100 * times / total) if total else 0, given[number, True])
            for number, label in enumerate(self.choices, 1)
            for times in [given[number, False] + given[number, True]]
        ]

    def posts_with_objections(self, publication: Publication) -> list[tuple[Post, int]]:
        """(post, number of objections of the format check)."""
        posts = (item.post for item in self.items.select_related("post"))
        return [(post, count) for post in posts if (count := post.objections(publication))]

    def mark_sent(self, now: datetime) -> bool:
        changed = Issue.objects.filter(pk=self.pk, sent_at__isnull=True).update(sent_at=now)
        self.refresh_from_db(fields=["sent_at"])
        return bool(changed)

    def mark_corrected(self, note: str, now: datetime) -> None:
        Correction.objects.create(issue=self, note=note, made_at=now)


class VoteQuerySet(models.QuerySet["Vote"]):
    def put(self, issue: Issue, voter: str, choice: int, line: str, *, is_from_page: bool = False) -> None:
        """Store an answer; a later one of the same voter replaces it.

        voter: names a reader or browser; only its hash is stored, until the question closes.
        """
        name = sha256(f"{issue.question_salt} {voter}".encode()).hexdigest()[:32]
        fields = {"choice": choice, "is_from_page": is_from_page} | ({"line": line} if line else {})
        self.update_or_create(issue=issue, voter=name, defaults=fields)

    def lines(self) -> models.QuerySet["Vote", str]:
        """What was added to answers, the newest first."""
        return self.exclude(line="").order_by("-pk").values_list("line", flat=True)


class Vote(models.Model):
    """One answer to the question of an issue. voter: a salted hash, emptied when the question closes."""

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="votes")
    choice = models.PositiveSmallIntegerField(help_text="number of the answer, from 1")
    line = models.CharField(max_length=LINE_MAX, blank=True)
    voter = models.CharField(max_length=32, blank=True, help_text="a salted hash, until the question closes")
    is_from_page = models.BooleanField(
        default=False, db_default=False, help_text="by anybody who read the page, and not by a reader's own link"
    )

    objects = VoteQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["issue", "voter"], condition=~Q(voter=""), name="a_voter_counts_once_per_issue"
            )
        ]

    def __str__(self) -> str:
        return f"{self.issue}: {self.choice}"


def close_questions(now: datetime) -> None:
    """Forget who has answered questions that are closed."""
    for issue in Issue.objects.archived().exclude(question="").exclude(question_salt=""):
        if not issue.takes_votes(now):
            Issue.objects.filter(pk=issue.pk).update(question_salt="")
            issue.votes.update(voter="")


class Correction(models.Model):
    """A note on the page of a sent issue that was corrected."""

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="corrections")
    note = models.TextField(_("note"))
    made_at = models.DateTimeField(_("corrected"))

    class Meta:
        ordering = ["made_at", "pk"]
        verbose_name = _("correction")
        verbose_name_plural = _("corrections")

    def __str__(self) -> str:
        return f"{self.issue}: {self.note}"


class IssueItem(models.Model):
    """A post in an issue. form: how much of it the mail shows."""

    class Form(models.TextChoices):
        FULL = "full", _("full text")
        EXCERPT = "excerpt", _("excerpt")
        LINK = "link", _("link")

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="items")
    post = models.ForeignKey(Post, verbose_name=_("post"), on_delete=models.PROTECT, related_name="items")
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    form = models.CharField(_("form"), max_length=10, choices=Form, default=Form.FULL)

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = _("post in the issue")
        verbose_name_plural = _("posts in the issue")
        constraints = [models.UniqueConstraint(fields=["issue", "post"], name="a_post_once_per_issue")]

    def __str__(self) -> str:
        return str(self.post)

    @property
    def html(self) -> SafeString:
        """The post's HTML below its title, with prefixed ids, because footnote ids repeat between posts."""
        html = self.post.html if self.issue.repeats_title() else demote_headings(self.post.html)
        return prefix_ids(html, f"p{self.post_id}")


class KeptText(models.Model):
    """A reusable introduction or closing."""

    class Kind(models.TextChoices):
        INTRODUCTION = "introduction", _("introduction")
        CLOSING = "closing", _("closing")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    name = models.CharField(_("name"), max_length=80)
    text = models.TextField(_("text"), help_text=_("Markdown."))

    class Meta:
        ordering = ["kind", "name"]
        verbose_name = _("kept text")
        verbose_name_plural = _("kept texts")
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="a_kept_text_is_named_once")]

    def __str__(self) -> str:
        return self.name


def neighbours(issue: Issue) -> tuple[Issue | None, Issue | None]:
    """The issues sent before and after `issue`, without texts; None at the ends."""
    archived = Issue.objects.archived().defer("introduction", "closing")
    if issue.sent_at is None:
        return archived.first(), None
    place = issue.sent_at, issue.number
    return archived.older(*place).first(), archived.newer(*place).first()


def sent_with_neighbours(number: int) -> tuple[Issue | None, Issue | None, Issue | None]:
    """(older, issue, newer) of sent issues; all None if `number` was not sent."""
    found = Issue.objects.archived().filter(number=number).first()
    older, newer = neighbours(found) if found else (None, None)
    return older, found, newer


class StartingPointQuerySet(models.QuerySet["StartingPoint"]):
    def public(self, now: datetime) -> "StartingPointQuerySet":
        """With listed posts. Exists, because `post__in` would load all listed posts first."""
        return self.filter(Exists(Post.objects.listed(now).filter(pk=OuterRef("post")))).select_related("post")


class StartingPoint(models.Model):
    """A post that the author recommends to new readers."""

    post = models.OneToOneField(Post, verbose_name=_("post"), on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(_("why"), max_length=200, help_text=_("One sentence to a stranger: why this one?"))
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("The smallest comes first."))

    objects = StartingPointQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = _("starting point")
        verbose_name_plural = _("start here")

    def __str__(self) -> str:
        return str(self.post)


def prefix_ids(html: str, prefix: str) -> SafeString:
    apart = _TAG.sub(lambda tag: _NAME.sub(rf"\g<1>{prefix}-", tag[0]), html)
    return mark_safe(apart)  # noqa: S308  # nosec B308, B703  # the input is sanitised


def prefetch_posts(issues: Sequence[Issue], now: datetime) -> None:
    public = IssueItem.objects.filter(post__published_at__lte=now).select_related("post")
    prefetch_related_objects(issues, Prefetch("items", queryset=public))
    attach_covers(item.post for issue in issues for item in issue.items.all())


def prefetch_whole(issues: Sequence[Issue], now: datetime) -> None:
    """`prefetch_posts`, with corrections and quotes."""
    prefetch_related_objects(issues, "corrections", "quotes")
    prefetch_posts(issues, now)


def in_no_issue(posts: PostQuerySet) -> PostQuerySet:
    """Posts of no issue, sent or not, that may go into one: not imported archives, web-only or unlisted posts."""
    items = IssueItem.objects.filter(post=OuterRef("pk"), issue__trashed_at__isnull=True)
    is_archive = Q(source__gt="", published_at__lt=F("created_at"))
    return posts.filter(~is_archive, ~Exists(items), is_web_only=False, is_unlisted=False)


def not_yet_mailed(posts: PostQuerySet) -> PostQuerySet:
    """Posts in no sent issue, without web-only, unlisted and emptied ones."""
    sent = IssueItem.objects.filter(post=OuterRef("pk"), issue__sent_at__isnull=False)
    return posts.filter(~Exists(sent), is_web_only=False, is_unlisted=False).exclude(title="", body="")
