"""Readers' wishes to receive, and addresses that must not be mailed."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.mail import tokens
from subscribers import departures
from subscribers.addresses import masked, readable
from subscribers.departures import Why
from subscribers.links import Linked
from subscribers.models import consents
from subscribers.models.consents import Circumstances, Consent, Forgotten
from subscribers.models.mails import ConfirmationReminder
from subscribers.models.notes import Invitation, Pause
from subscribers.models.suppressions import Suppression, departure
from subscribers.models.tags import Tag, Tagging

CONFIRM_WITHIN = timedelta(days=7)
UNDO_WITHIN = timedelta(hours=1)  # in the browser that has left; later, by a mail
FORGET_AFTER = timedelta(days=30)
FIRST_COOL_DOWN = timedelta(minutes=10)  # a first mail may be lost in a spam folder: ask once more soon
COOL_DOWN = timedelta(hours=24)
HAS_MAIL_DUE = Q(confirmation_due_at__isnull=False)
WAITS_FOR_ITS_OWNER = Q(state="pending", confirmation_sent_at__isnull=False)
IS_NOT_WELCOMED = Q(welcomed_at__isnull=True, confirmed_at__isnull=False)
NOT_SAID = Circumstances()


def _awake(now: datetime, reader: str = "") -> Q:
    rested = Q(**{f"{reader}state": Subscriber.State.PAUSED, f"{reader}paused_until__lte": now})
    return Q(**{f"{reader}state": Subscriber.State.ACTIVE}) | rested


def is_mailable(now: datetime, reader: str) -> Q:
    """Return the condition of `SubscriberQuerySet.mailable` for rows that lead to a reader by `reader`: "subscriber__".

    For few rows at a time: each suppression is looked up by itself, where PostgreSQL would read all of them for
    an EXISTS, and so read millions to send a hundred mails.
    """
    suppressions = Suppression.objects.filter(address_hash=OuterRef(f"{reader}address_hash")).order_by()
    return _awake(now, reader) & Q(IsNull(Subquery(suppressions.values("pk")[:1]), True))


def barred(now: datetime) -> "models.QuerySet[Suppression]":
    """Return the suppressions without which a reader would be mailed: few rows are looked at, not all readers."""
    readers = Subscriber.objects.filter(_awake(now), address_hash=OuterRef("address_hash"))
    return Suppression.objects.filter(Exists(readers)).order_by()


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def mailable(self, now: datetime) -> "SubscriberQuerySet":
        """Return who gets an issue: active, or paused until a time that has passed, and not suppressed."""
        suppressed = Suppression.objects.filter(address_hash=OuterRef("address_hash"))
        return self.filter(_awake(now), ~Exists(suppressed))

    def tagged(self, tag: str) -> "SubscriberQuerySet":
        """Return who has `tag`, letter by letter: neither a part of a longer one nor in another case."""
        return self.filter(pk__in=Tagging.objects.of(tag).values("subscriber"))

    def untagged(self, tag: str) -> "SubscriberQuerySet":
        """Return who has not `tag`: together with `tagged`, everybody once."""
        return self.filter(~Exists(Tagging.objects.of(tag).filter(subscriber=OuterRef("pk"))))

    def opened_by(self, token: str, purpose: str) -> "Subscriber | None":
        """Return the reader whom a token for `purpose` belongs to; None when it opens nothing now."""
        found = self.filter(pk=tokens.number_of(token) or 0).first()
        return found if found and found.is_opened_by(token, purpose) else None

    def freshly_opened_by(self, token: str, now: datetime) -> "Subscriber | None":
        """Return the reader to whose mailbox this link to their own data was sent within the last half hour."""
        found = self.filter(pk=tokens.number_of(token) or 0).first()
        return found if found and found.is_freshly_opened_by(token, now) else None

    def has_moved_away(self, token: str, purpose: str) -> bool:
        """Return whether a token was made for an address that a reader has left since: it opens nothing any more."""
        moves = Consent.objects.filter(subscriber=tokens.number_of(token) or 0, kind=Consent.Kind.MOVED)
        former = moves.order_by().values_list("subscriber__token_salt", "address_hash").distinct()
        return any(tokens.opens(token, purpose, salt + known_as) for salt, known_as in former)

    def leave(self, at: datetime, how: Circumstances) -> list[int]:
        """Let those leave who have not left, in the caller's transaction; return their numbers. Each has a record."""
        here = self.exclude(state=Subscriber.State.UNSUBSCRIBED).order_by("pk").select_for_update(no_key=True)
        rows = list(here.values_list("pk", "address_hash"))
        left = [pk for pk, _known_as in rows]
        Subscriber.objects.filter(pk__in=left).update(
            state=Subscriber.State.UNSUBSCRIBED,
            unsubscribed_at=at,
            paused_until=None,
            confirmation_due_at=None,
            signup_round=F("signup_round") + 1,
        )
        self.let_go(left)
        Consent.objects.add_all(rows, Consent.Kind.WITHDREW, how, at)
        departures.write(departure(Why.LEFT, known_as, at=at) for _pk, known_as in rows)
        return left

    def let_go(self, left: Collection[int]) -> None:
        """Forget what only somebody who reads, or is about to, needs: an asking, a pause, by whose link they came."""
        Subscriber.objects.filter(pk__in=left).update(asked_at=None, asked_times=0)
        Pause.objects.forget(left)
        Invitation.objects.filter(newcomer__in=left).delete()

    def forgettable(self, now: datetime) -> "SubscriberQuerySet":
        """Return sign-ups that were never confirmed and have had their time."""
        old = Q(created_at__lte=now - FORGET_AFTER)
        asked_since = Q(asked_at__gt=now - FORGET_AFTER)
        return self.filter(old, state=Subscriber.State.PENDING).exclude(asked_since)


class Subscriber(Linked):
    """Somebody's wish to receive the newsletter."""

    class State(models.TextChoices):
        PENDING = "pending", _("not confirmed")
        ACTIVE = "active", pgettext_lazy("of a subscription", "active")
        PAUSED = "paused", _("paused")
        UNSUBSCRIBED = "unsubscribed", _("unsubscribed")

    email = models.EmailField(_("address"), db_index=True)
    address_hash = models.CharField(max_length=32, unique=True, editable=False)
    name = models.CharField(pgettext_lazy("of a person", "name"), max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.PENDING)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    tags = models.ManyToManyField(Tag, through=Tagging, related_name="subscribers", blank=True, verbose_name=_("tags"))

    unsubscribed_at = models.DateTimeField(_("left"), null=True, blank=True)

    # Double opt-in. A confirmation that is used, or made worthless by leaving, ends the round.
    signup_round = models.PositiveIntegerField(default=1, editable=False)
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    asked_times = models.PositiveIntegerField(default=0, editable=False)
    confirmation_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    confirmation_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    confirmation_tries = models.PositiveSmallIntegerField(default=0, editable=False)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    # Filled by `delivery`, which knows the issues that a welcome quotes.
    welcomed_at = models.DateTimeField(null=True, blank=True, editable=False)
    welcome_due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when a welcome that was put off is tried again"
    )
    created_at = models.DateTimeField(_("signed up"), auto_now_add=True)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("reader")
        verbose_name_plural = _("readers")
        permissions = [("see_readers", "Can see readers' addresses"), ("export_readers", "Can export all readers")]
        indexes = [
            models.Index(fields=["state", "id"], name="readers_by_state"),
            # Beat asks every ten seconds; nearly every row has nothing due.
            models.Index("confirmation_due_at", name="confirmations_due", condition=HAS_MAIL_DUE),
            models.Index("confirmation_sent_at", name="sign_ups_to_remind_of", condition=WAITS_FOR_ITS_OWNER),
            # Who came and left within some weeks is counted from these alone.
            models.Index("confirmed_at", name="readers_who_came"),
            models.Index("unsubscribed_at", name="readers_who_left", condition=Q(unsubscribed_at__isnull=False)),
            models.Index("confirmed_at", name="readers_to_welcome", condition=IS_NOT_WELCOMED),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="paused") | Q(paused_until__isnull=False), name="a_pause_has_an_end"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["active", "paused"]) | Q(confirmed_at__isnull=False),
                name="readers_have_confirmed",
            ),
            models.CheckConstraint(
                condition=~Q(state="unsubscribed") | Q(unsubscribed_at__isnull=False), name="leaving_has_a_date"
            ),
        ]

    def __str__(self) -> str:
        return readable(self.email)

    # --- What is true of it ---

    @property
    def masked(self) -> str:
        """Return the address as the pages of letters show it: its owner knows it, a stranger does not learn it."""
        return masked(self.email)

    @property
    def is_reader(self) -> bool:
        return self.state in {self.State.ACTIVE, self.State.PAUSED}

    @property
    def has_data(self) -> bool:
        """Return whether there is somebody to whom what is kept can be shown: who has confirmed, or left since."""
        return self.is_reader or self.state == self.State.UNSUBSCRIBED

    @property
    def tag_names(self) -> list[str]:
        return Tagging.objects.names_of([self.pk])[self.pk]

    @property
    def is_asked_back(self) -> bool:
        """Return whether this is a reader to whom nothing goes until they confirm anew."""
        barred = Suppression.objects.filter(address_hash=self.address_hash, reopened_at__isnull=False)
        return self.is_reader and barred.exists()

    def is_paused(self, now: datetime) -> bool:
        return self.state == self.State.PAUSED and self.paused_until is not None and self.paused_until > now

    def has_come_since(self, at: datetime) -> bool:
        """Return whether this reader asked to be one, or was made one, later than `at`."""
        asked = self.asked_at is not None and self.asked_at > at
        joined = [Consent.Kind.CONFIRMED, Consent.Kind.CAME_BACK, Consent.Kind.IMPORTED]
        return asked or self.created_at > at or self.consents.filter(kind__in=joined, at__gt=at).exists()

    def can_undo(self, now: datetime) -> bool:
        """Return whether a reader who has left may come back without a new confirmation."""
        left_at = self.unsubscribed_at
        has_left = self.state == self.State.UNSUBSCRIBED and self.confirmed_at is not None
        return has_left and left_at is not None and left_at > now - UNDO_WITHIN

    def can_confirm(self, now: datetime) -> bool:
        return self.confirmation_sent_at is None or self.confirmation_sent_at > now - CONFIRM_WITHIN

    # --- Its transitions: each asks the database, and returns whether it was this call that moved the row ---

    def ask(self, how: Circumstances, now: datetime) -> bool:
        """Let one mail answer a sign-up, unless one has been asked for not long ago.

        A reader who has confirmed gets a mail about it at most once a day; nothing new is asked of them, nor recorded.
        """
        rested = Q(asked_at__isnull=True) | Q(asked_at__lte=now - COOL_DOWN)
        readers = [self.State.ACTIVE, self.State.PAUSED]
        soon = ~Q(state__in=readers) & Q(asked_times=1, asked_at__lte=now - FIRST_COOL_DOWN)
        with transaction.atomic():
            asked = self._move(
                rested | soon,
                confirmation_due_at=now,
                confirmation_tries=0,
                asked_at=now,
                asked_times=F("asked_times") + 1,
            )
            if asked and (not self.is_reader or self.is_asked_back):
                self._record(Consent.Kind.ASKED, how, now)
        return asked

    def confirm(self, now: datetime, how: Circumstances = NOT_SAID) -> bool:
        """Become active, if the round is still the one that was read; end a suppression that new consent ends."""
        waiting = Q(signup_round=self.signup_round)
        if not self.is_asked_back:
            waiting &= Q(state__in=[self.State.PENDING, self.State.UNSUBSCRIBED])
        was_reader = self.confirmed_at is not None
        with transaction.atomic():
            confirmed = self._move(
                waiting,
                state=self.State.ACTIVE,
                confirmed_at=now,
                welcomed_at=None,
                welcome_due_at=None,
                paused_until=None,
                unsubscribed_at=None,
                confirmation_due_at=None,
                signup_round=F("signup_round") + 1,
            )
            if confirmed:
                ConfirmationReminder.objects.filter(subscriber=self.pk).delete()
                Pause.objects.end([self.pk], now)
                self._record(Consent.Kind.CONFIRMED, how, now)
                lifted, _models = Suppression.objects.endable().filter(address_hash=self.address_hash).delete()
                if lifted:
                    departures.write([departure(Why.LIFTED, self.address_hash, at=now)])
                Invitation.objects.settle(self.pk, is_new=not was_reader and not lifted)
        return confirmed

    def unsubscribe(self, now: datetime, how: Circumstances = NOT_SAID) -> bool:
        """Leave; a confirmation that is still on its way becomes worthless."""
        with transaction.atomic():
            left = bool(Subscriber.objects.filter(pk=self.pk).leave(now, how))
        if left:
            self.refresh_from_db()
        return left

    def undo(self, now: datetime, how: Circumstances = NOT_SAID) -> bool:
        """Take back the leaving that was read, however old it is; the record keeps both."""
        left = Q(state=self.State.UNSUBSCRIBED, confirmed_at__isnull=False, unsubscribed_at=self.unsubscribed_at)
        with transaction.atomic():
            is_back = self._move(left, state=self.State.ACTIVE, unsubscribed_at=None, confirmation_due_at=None)
            if is_back:
                self._record(Consent.Kind.CAME_BACK, how, now)
        return is_back

    def pause(self, until: datetime, now: datetime) -> bool:
        readers = Q(state__in=[self.State.ACTIVE, self.State.PAUSED])
        with transaction.atomic():
            paused = self._move(readers, state=self.State.PAUSED, paused_until=until)
            if paused:
                Pause.objects.begin([self.pk], until, now)
        return paused

    def resume(self, now: datetime) -> bool:
        with transaction.atomic():
            resumed = self._move(Q(state=self.State.PAUSED), state=self.State.ACTIVE, paused_until=None)
            if resumed:
                Pause.objects.end([self.pk], now)
        return resumed

    def suppress(self, reason: str, note: str = "") -> bool:
        """Never mail this address again. An earlier reason stands."""
        departures.write([departure(Why(reason), self.address_hash)])
        _barred, is_new = Suppression.objects.get_or_create(
            address_hash=self.address_hash, defaults={"email": self.email, "reason": reason, "note": note}
        )
        return is_new

    def set_tags(self, names: list[str]) -> None:
        with transaction.atomic():
            self.taggings.all().delete()
            Tagging.objects.give({self.pk: names})

    def erase(self) -> None:
        """Forget this reader and their record; only a salted hash stays, so that no import brings them back."""
        departures.write([departure(Why.ERASED, self.address_hash)])
        with transaction.atomic():
            Suppression.objects.update_or_create(
                address_hash=self.address_hash,
                defaults={"email": "", "note": "", "reason": Suppression.Reason.ERASED},
            )
            self.forget()

    def forget(self) -> None:
        """Delete this row, in the caller's transaction; its number is struck out later where no key holds it."""
        for act in consents.BEFORE:
            act(self)
        Forgotten.objects.get_or_create(number=self.pk)
        self.delete()

    def _move(self, condition: Q, **values: object) -> bool:
        moved = Subscriber.objects.filter(condition, pk=self.pk).update(**values)
        if moved:
            self.refresh_from_db()
        return bool(moved)

    def _record(self, kind: Consent.Kind, how: Circumstances, now: datetime) -> None:
        """Write a line of the record, and one into the departures, which outlives a restore, before the commit."""
        Consent.objects.add(self, kind, how, now)
        if kind in {Consent.Kind.CONFIRMED, Consent.Kind.CAME_BACK}:
            departures.write([departure(Why.RETURNED, self.address_hash, at=now)])
