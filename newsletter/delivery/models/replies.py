"""Replies of readers, the author's answers, quotes, and feedback."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import Left
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.issues.models import Issue
from newsletter.mail import headers, tokens
from newsletter.publication.models import Publication
from subscribers.addresses import one_line
from subscribers.models import Subscriber

REPLIES_KEPT_FOR = timedelta(days=730)  # replies; erased earlier with their reader
STRANGERS_KEPT_FOR = RAW_KEPT_FOR = timedelta(days=90)  # mails of unknown senders; raw mails with attachments
DELETED_AT_ONCE = 500
ANSWER_MAX = 10_000  # characters
TAG_MAX, TAGS_MAX = 40, 10
BEGINNING_LENGTH = 240  # characters shown in lists


def accepts_replies() -> bool:
    """Whether replies arrive here: there is a mailbox, or a mail server has delivered at least one reply."""
    return bool(settings.MAILBOX_URL) or Reply.objects.exists()


SEARCHED_FIELDS = ("text", "subject", "sender", "sender_name")


class ReplyQuerySet(models.QuerySet["Reply"]):
    def by_readers(self) -> "ReplyQuerySet":
        return self.filter(subscriber__isnull=False)

    def by_strangers(self) -> "ReplyQuerySet":
        """Mails of unknown senders, mostly advertisements."""
        return self.filter(subscriber__isnull=True)

    def to_answer(self) -> "ReplyQuerySet":
        return self.by_readers().filter(answered_at=None)

    def tagged(self, name: str) -> "ReplyQuerySet":
        return self.filter(Exists(ReplyTag.objects.filter(reply=OuterRef("pk"), name=name)))

    def listed(self) -> "ReplyQuerySet":
        """Load only what lists show: the beginning of the text, and no raw mail."""
        beginning = {"beginning": Left("text", BEGINNING_LENGTH)}  # typed on the model
        found = self.defer("text", "quoted", "files").annotate(**beginning)
        return found.select_related("subscriber", "issue").prefetch_related("tags")

    def containing(self, words: str) -> "ReplyQuerySet":
        """Those that contain all of these words, in text, subject or sender."""
        found = self
        for word in words.split()[:5]:
            found = found.filter(Q.create([(f"{place}__icontains", word) for place in SEARCHED_FIELDS], Q.OR))
        return found

    def thread(self, reply: "Reply") -> "ReplyQuerySet":
        """The replies of the same conversation, oldest first."""
        root = reply.thread_id or reply.pk
        return self.filter(Q(pk=root) | Q(thread=root)).order_by("received_at", "pk")

    def forget(self, now: datetime) -> int:
        """Delete expired replies and raw mails; return the number of deleted rows."""
        old = Q(received_at__lt=now - REPLIES_KEPT_FOR) | Q(subscriber=None, received_at__lt=now - STRANGERS_KEPT_FOR)
        keys = list(self.filter(old).values_list("pk", flat=True)[:DELETED_AT_ONCE])
        raw = ReplyMail.objects.filter(reply__received_at__lt=now - RAW_KEPT_FOR)
        raw_keys = list(raw.values_list("pk", flat=True)[:DELETED_AT_ONCE])
        if raw_keys:  # Django opens a transaction even for an empty delete
            ReplyMail.objects.filter(pk__in=raw_keys).delete()
        return self.filter(pk__in=keys).delete()[0] if keys else 0


class Reply(models.Model):
    """A mail by a person; the database deletes it together with its reader.

    is_certain: it answers a delivery, from the address of that delivery's reader. Otherwise the reader is a guess: by
    the From address, which can be forged, or by a delivery that may have been forwarded.
    """

    subscriber = models.ForeignKey(Subscriber, on_delete=models.DB_CASCADE, null=True, related_name="replies")
    is_certain = models.BooleanField(default=False)
    issue = models.ForeignKey("issues.Issue", on_delete=models.DB_SET_NULL, null=True, related_name="replies")
    thread = models.ForeignKey("self", on_delete=models.DB_SET_NULL, null=True, related_name="later")
    key = models.CharField(max_length=64, unique=True, help_text="the same mail by two ways is one")
    message_id = models.CharField(max_length=260, blank=True)
    sender = models.CharField(_("from"), max_length=254)
    sender_name = models.CharField(max_length=120, blank=True)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(blank=True)
    quoted = models.TextField(blank=True)
    files = models.JSONField(default=list, help_text="of each: number of the part, name, kind, octets")
    more_files = models.PositiveIntegerField(default=0)
    note = models.TextField(_("note"), blank=True, max_length=2000)
    received_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    beginning: str  # of the text: set by ReplyQuerySet.listed

    objects = ReplyQuerySet.as_manager()

    class Meta:
        default_permissions = ()  # the permission to see readers covers their replies
        ordering = ["-pk"]
        indexes = [
            models.Index("id", name="replies_to_answer", condition=Q(answered_at=None, subscriber__isnull=False)),
            models.Index("id", name="replies_by_strangers", condition=Q(subscriber=None)),
            models.Index(fields=["message_id"], name="replies_by_message_id"),
            models.Index(fields=["received_at"], name="replies_to_forget"),
        ]
        verbose_name = _("reply of a reader")
        verbose_name_plural = _("replies of readers")

    def __str__(self) -> str:
        return self.subject or self.text[:80]

    @property
    def name(self) -> str:
        of_reader = self.subscriber.name if self.subscriber and self.is_certain else ""
        return of_reader or self.sender_name or self.sender

    def tag(self, names: Iterable[str]) -> None:
        wanted = list(dict.fromkeys(filter(None, (one_line(name)[:TAG_MAX] for name in names))))[:TAGS_MAX]
        self.tags.exclude(name__in=wanted).delete()
        known = set(self.tags.values_list("name", flat=True))
        ReplyTag.objects.bulk_create([ReplyTag(reply=self, name=name) for name in wanted if name not in known])


class ReplyMail(models.Model):
    """The raw mail of a reply, kept for some time for its attachments."""

    reply = models.OneToOneField(Reply, on_delete=models.DB_CASCADE, primary_key=True, related_name="mail")
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"mail of reply {self.reply_id}"


class ReplyTag(models.Model):
    """The author's tag on a reply."""

    reply = models.ForeignKey(Reply, on_delete=models.DB_CASCADE, related_name="tags")
    name = models.CharField(max_length=TAG_MAX)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["name", "reply"], name="a_reply_is_tagged_once")]

    def __str__(self) -> str:
        return self.name


class AnswerManager(models.Manager["Answer"]):
    def write(self, reply: Reply, text: str, now: datetime, by: str) -> bool:
        """Enqueue an answer and mark the conversation as answered; return False if the same answer exists.

        So a form that is submitted twice sends one mail.
        """
        digest = sha256(" ".join(text.split()).encode()).hexdigest()[:32]
        row: dict[str, Any] = {"text": text, "by": by, "written_at": now, "due_at": now}
        with transaction.atomic():
            answer, is_new = self.get_or_create(reply=reply, digest=digest, defaults=row)
            if is_new:
                domain = Publication.objects.current().sender[1]
                answer.message_id = headers.message_id("answer", answer.pk, digest, domain=domain)
                answer.save(update_fields=["message_id"])
                Reply.objects.thread(reply).filter(answered_at=None).update(answered_at=now)
        return is_new


class Answer(models.Model):
    """The author's answer to a reply: written on the desk, or in a mail program with our mailbox in Cc."""

    class State(models.TextChoices):
        SENT = "sent", pgettext_lazy("an answer", "sent")
        WAITS = "waits", pgettext_lazy("an answer", "is being sent")
        FAILED = "failed", pgettext_lazy("an answer", "could not be sent")
        BY_MAIL = "by mail", pgettext_lazy("an answer", "by your mail program")

    reply = models.ForeignKey(Reply, on_delete=models.DB_CASCADE, related_name="answers")
    text = models.TextField(max_length=ANSWER_MAX)
    digest = models.CharField(max_length=32, help_text="of the words: the same answer goes once")
    message_id = models.CharField(max_length=260, blank=True)
    by = models.CharField(max_length=150, blank=True, help_text="who wrote it on the desk; empty: by mail")
    written_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    response = models.CharField(max_length=200, blank=True, help_text="what the server answered")

    objects = AnswerManager()

    class Meta:
        default_permissions = ()
        ordering = ["written_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["reply", "digest"], name="an_answer_goes_once")]
        indexes = [models.Index(fields=["message_id"], name="answers_by_message_id")]
        verbose_name = _("answer to a reader")
        verbose_name_plural = _("answers to readers")

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def state(self) -> State:
        if not self.by:
            return self.State.BY_MAIL
        if self.sent_at:
            return self.State.SENT
        return self.State.WAITS if self.due_at else self.State.FAILED


PASSAGE_MAX, NAME_MAX = 1_500, 40  # characters
ANSWERABLE_FOR = timedelta(days=60)  # how long a reader may agree
LINK_PURPOSE = "quote"


class QuoteQuerySet(models.QuerySet["Quote"]):
    def allowed(self) -> "QuoteQuerySet":
        return self.filter(state=Quote.State.ALLOWED)

    def by_token(self, token: str) -> "Quote | None":
        found = self.filter(pk=tokens.unverified_id(token) or 0).select_related("issue").first()
        return found if found and tokens.is_valid(token, LINK_PURPOSE, found.salt) else None

    def ask(self, reply: Reply, passage: str, now: datetime, by: str) -> bool:
        """Enqueue the question; return False if the reader was asked about the same words before."""
        digest = sha256(" ".join(passage.split()).encode()).hexdigest()[:32]
        row: dict[str, Any] = {"passage": passage, "asked_at": now, "due_at": now, "by": by, "reply": reply}
        _row, is_new = self.get_or_create(subscriber=reply.subscriber, digest=digest, defaults=row)
        return is_new


class Quote(models.Model):
    """A passage of a reply that the author asks to quote. Deleted with its reader, also from the issue's page."""

    class State(models.TextChoices):
        ASKED = "asked", pgettext_lazy("a quote", "asked")
        ALLOWED = "allowed", pgettext_lazy("a quote", "allowed")
        DECLINED = "declined", pgettext_lazy("a quote", "declined")
        WITHDRAWN = "withdrawn", pgettext_lazy("a quote", "taken back")

    subscriber = models.ForeignKey(Subscriber, on_delete=models.DB_CASCADE, related_name="quotes")
    reply = models.ForeignKey(Reply, on_delete=models.DB_SET_NULL, null=True, related_name="quotes")
    issue = models.ForeignKey("issues.Issue", on_delete=models.DB_SET_NULL, null=True, related_name="quotes")
    passage = models.TextField(max_length=PASSAGE_MAX)
    digest = models.CharField(max_length=32, help_text="of the words: nobody is asked twice")
    salt = models.CharField(max_length=20, default=tokens.new_salt)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    name = models.CharField(max_length=NAME_MAX, blank=True, help_text="as the reader is to be called; empty: a reader")
    by = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    placed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    response = models.CharField(max_length=200, blank=True, help_text="what the server answered")

    objects = QuoteQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["placed_at", "pk"]  # as an issue shows them
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "digest"], name="a_reader_is_asked_once"),
            models.CheckConstraint(
                condition=Q(issue=None) | Q(state="allowed"), name="only_what_is_allowed_stands_in_an_issue"
            ),
        ]
        indexes = [models.Index("id", name="quotes_to_place", condition=Q(state="allowed", issue=None))]
        verbose_name = _("quote of a reader")
        verbose_name_plural = _("quotes of readers")

    def __str__(self) -> str:
        return self.passage[:80]

    @property
    def token(self) -> str:
        return tokens.sign(LINK_PURPOSE, self.pk, self.salt)

    def can_be_allowed(self, now: datetime) -> bool:
        is_open = self.state in {self.State.ASKED, self.State.DECLINED, self.State.WITHDRAWN}
        return is_open and now < self.asked_at + ANSWERABLE_FOR

    @property
    def is_out(self) -> bool:
        return bool(self.issue and self.issue.sent_at)


class FeedbackQuerySet(models.QuerySet["Feedback"]):
    def give(self, reader: Subscriber, issue: Issue, answer: str, now: datetime) -> None:
        self.update_or_create(subscriber=reader, issue=issue, defaults={"answer": answer, "given_at": now})

    def tally(self) -> list[tuple[Any, int]]:
        """Label and count of each answer, including those that nobody gave."""
        given = dict(self.order_by().values_list("answer").annotate(Count("pk")))
        return [(answer.label, given.get(answer.value, 0)) for answer in Feedback.Rating]


class Feedback(models.Model):
    """One reader's answer to the question at the end of an issue."""

    class Rating(models.TextChoices):
        HELPFUL = "helpful", _("helpful")
        FAIR = "fair", _("so-so")

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="feedback")
    # The answer of an erased reader still counts, anonymously.
    subscriber = models.ForeignKey(Subscriber, null=True, on_delete=models.SET_NULL, related_name="feedback")
    answer = models.CharField(max_length=10, choices=Rating)
    given_at = models.DateTimeField()

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issue", "subscriber"], name="one_answer_per_reader_and_issue")]

    def __str__(self) -> str:
        return f"{self.issue}: {self.answer}"
