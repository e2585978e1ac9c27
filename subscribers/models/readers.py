"""The subscription of a reader, its transitions, and who is mailable."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, When
from django.db.models.lookups import IsNull
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from newsletter.mail import tokens
from subscribers import departures
from subscribers.addresses import display_address, mask_address
from subscribers.departures import DepartureKind
from subscribers.links import ReaderLinks
from subscribers.models import consents
from subscribers.models.consents import Consent, ConsentDetails, Forgotten
from subscribers.models.mail_queue import ConfirmationReminder
from subscribers.models.notes import Invitation, Pause
from subscribers.models.suppressions import Suppression, make_departure
from subscribers.models.tags import ReaderTag, Tagging

CONFIRM_WITHIN = timedelta(days=7)
WELCOMED_ONCE_IN = timedelta(days=365)
UNDO_WITHIN = timedelta(hours=1)  # in the same browser; later, by a mail
FORGET_AFTER = timedelta(days=30)
FIRST_COOL_DOWN = timedelta(minutes=10)  # the first mail may be in a spam folder
COOL_DOWN = timedelta(hours=24)
HAS_MAIL_DUE = Q(confirmation_due_at__isnull=False)
WAITS_FOR_ITS_OWNER = Q(state="pending", confirmation_sent_at__isnull=False)
IS_NOT_WELCOMED = Q(welcomed_at__isnull=True, confirmed_at__isnull=False)
NO_DETAILS = ConsentDetails()


def _awake(now: datetime, reader: str = "") -> Q:
    rested = Q(**{f"{reader}state": Subscriber.State.PAUSED, f"{reader}paused_until__lte": now})
    return Q(**{f"{reader}state": Subscriber.State.ACTIVE}) | rested


def is_mailable(now: datetime, reader: str) -> Q:
    """The condition of `SubscriberQuerySet.mailable` for related rows. reader: lookup prefix, such as "subscriber__".

    For few rows at a time: a scalar subquery per row, because PostgreSQL would hash all suppressions for an EXISTS, and
    read millions to send a hundred mails.
    """
    suppressions = Suppression.objects.filter(address_hash=OuterRef(f"{reader}address_hash")).order_by()
    return _awake(now, reader) & Q(IsNull(Subquery(suppressions.values("pk")[:1]), True))


def effective_suppressions(now: datetime) -> "models.QuerySet[Suppression]":
    """Suppressions of otherwise mailable readers; reads the suppressions, not all readers."""
    readers = Subscriber.objects.filter(_awake(now), address_hash=OuterRef("address_hash"))
    return Suppression.objects.filter(Exists(readers)).order_by()


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def mailable(self, now: datetime) -> "SubscriberQuerySet":
        """Who gets an issue: active, or paused until a past time, and not suppressed."""
        suppressed = Suppression.objects.filter(address_hash=OuterRef("address_hash"))
        return self.filter(_awake(now), ~Exists(suppressed))

    def with_suppressions(self) -> "SubscriberQuerySet":
        """Annotate `suppression_reason`: why the address is suppressed, or None."""
        suppressions = Suppression.objects.filter(address_hash=OuterRef("address_hash")).order_by()
        return self.annotate(suppression_reason=Subquery(suppressions.values("reason")))

    def for_listing(self) -> "SubscriberQuerySet":
        """`with_suppressions`, with prefetched tags in their order."""
        taggings = models.Prefetch("taggings", Tagging.objects.select_related("tag").order_by("pk"))
        return self.with_suppressions().prefetch_related(taggings)

    def tagged(self, tag: str) -> "SubscriberQuerySet":
        return self.filter(pk__in=Tagging.objects.with_tag(tag).values("subscriber"))

    def untagged(self, tag: str) -> "SubscriberQuerySet":
        """The complement of `tagged`."""
        return self.filter(~Exists(Tagging.objects.with_tag(tag).filter(subscriber=OuterRef("pk"))))

    def for_token(self, token: str, purpose: str) -> "Subscriber | None":
        """The reader of a token that is valid for `purpose` now."""
        found = self.filter(pk=tokens.unverified_id(token) or 0).first()
        return found if found and found.accepts_token(token, purpose) else None

    def for_fresh_token(self, token: str, now: datetime) -> "Subscriber | None":
        """The reader of a fresh link to their own data."""
        found = self.filter(pk=tokens.unverified_id(token) or 0).first()
        return found if found and found.accepts_fresh_token(token, now) else None

    def has_moved_away(self, token: str, purpose: str) -> bool:
        """Was a token signed for a former address of its reader?"""
        moves = Consent.objects.filter(subscriber=tokens.unverified_id(token) or 0, kind=Consent.Kind.MOVED)
        former = moves.order_by().values_list("subscriber__token_salt", "address_hash").distinct()
        return any(tokens.is_valid(token, purpose, salt + known_as) for salt, known_as in former)

    def leave(self, at: datetime, how: ConsentDetails) -> list[int]:
        """Unsubscribe with consent records; return the ids of those who had not left. Call it in a transaction."""
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
        self.clear_after_leaving(left)
        Consent.objects.add_all(rows, Consent.Kind.WITHDREW, how, at)
        departures.append_to_file(make_departure(DepartureKind.LEFT, known_as, at=at) for _pk, known_as in rows)
        return left

    def clear_after_leaving(self, left: Collection[int]) -> None:
        Subscriber.objects.filter(pk__in=left).update(asked_at=None, asked_times=0)
        Pause.objects.forget(left)
        Invitation.objects.filter(newcomer__in=left).delete()

    def forgettable(self, now: datetime) -> "SubscriberQuerySet":
        old = Q(created_at__lte=now - FORGET_AFTER)
        asked_since = Q(asked_at__gt=now - FORGET_AFTER)
        return self.filter(old, state=Subscriber.State.PENDING).exclude(asked_since)


class Subscriber(ReaderLinks):
    """A subscription: somebody's wish to receive the newsletter."""

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
    tags = models.ManyToManyField(
        ReaderTag, through=Tagging, related_name="subscribers", blank=True, verbose_name=_("tags")
    )

    unsubscribed_at = models.DateTimeField(_("left"), null=True, blank=True)

    # Double opt-in. A used confirmation, or leaving, ends the round.
    signup_round = models.PositiveIntegerField(default=1, editable=False)
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    asked_times = models.PositiveIntegerField(default=0, editable=False)
    confirmation_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    confirmation_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    confirmation_tries = models.PositiveSmallIntegerField(default=0, editable=False)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    # Set by `delivery`.
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
            # Queried every ten seconds, and nearly no row is due.
            models.Index("confirmation_due_at", name="confirmations_due", condition=HAS_MAIL_DUE),
            models.Index("confirmation_sent_at", name="sign_ups_to_remind_of", condition=WAITS_FOR_ITS_OWNER),
            # For index-only counts of who came and left.
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
        return display_address(self.email)

    @property
    def masked(self) -> str:
        """The masked address, for pages that a forwarded letter opens."""
        return mask_address(self.email)

    @property
    def is_reader(self) -> bool:
        return self.state in {self.State.ACTIVE, self.State.PAUSED}

    @property
    def can_see_data(self) -> bool:
        return self.is_reader or self.state == self.State.UNSUBSCRIBED

    @property
    def tag_names(self) -> list[str]:
        return Tagging.objects.names_of([self.pk])[self.pk]

    @property
    def needs_reconfirmation(self) -> bool:
        """Whether a suppressed reader has been asked to confirm again, and gets no other mail until then."""
        suppressions = Suppression.objects.filter(address_hash=self.address_hash, reopened_at__isnull=False)
        return self.is_reader and suppressions.exists()

    @property
    def has_come_back(self) -> bool:
        """Whether the reader confirmed again, and so soon that no second welcome is sent."""
        return bool(self.welcomed_at and self.confirmed_at and self.welcomed_at < self.confirmed_at)

    def is_paused(self, now: datetime) -> bool:
        return self.state == self.State.PAUSED and self.paused_until is not None and self.paused_until > now

    def has_joined_since(self, at: datetime) -> bool:
        """Whether the reader signed up, confirmed, came back or was imported after `at`."""
        asked = self.asked_at is not None and self.asked_at > at
        joined = [Consent.Kind.CONFIRMED, Consent.Kind.CAME_BACK, Consent.Kind.IMPORTED]
        return asked or self.created_at > at or self.consents.filter(kind__in=joined, at__gt=at).exists()

    def can_undo(self, now: datetime) -> bool:
        left_at = self.unsubscribed_at
        has_left = self.state == self.State.UNSUBSCRIBED and self.confirmed_at is not None
        return has_left and left_at is not None and left_at > now - UNDO_WITHIN

    def can_confirm(self, now: datetime) -> bool:
        return self.confirmation_sent_at is None or self.confirmation_sent_at > now - CONFIRM_WITHIN

    # --- Transitions: conditional UPDATEs that return whether this call changed the row ---

    def ask(self, how: ConsentDetails, now: datetime) -> bool:
        """Queue the mail that answers a sign-up, unless one was requested recently.

        Current readers get a notice at most once a day, and no consent record.
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
            if asked and (not self.is_reader or self.needs_reconfirmation):
                self._record(Consent.Kind.ASKED, how, now)
        return asked

    def confirm(self, now: datetime, how: ConsentDetails = NO_DETAILS) -> bool:
        """Activate, if the round has not changed since it was read; lifts suppressions that consent ends."""
        waiting = Q(signup_round=self.signup_round)
        if not self.needs_reconfirmation:
            waiting &= Q(state__in=[self.State.PENDING, self.State.UNSUBSCRIBED])
        was_reader = self.confirmed_at is not None
        with transaction.atomic():
            confirmed = self._move(
                waiting,
                state=self.State.ACTIVE,
                confirmed_at=now,
                welcomed_at=Case(When(welcomed_at__gt=now - WELCOMED_ONCE_IN, then="welcomed_at")),
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
                lifted, _models = Suppression.objects.ended_by_consent().filter(address_hash=self.address_hash).delete()
                if lifted:
                    departures.append_to_file([make_departure(DepartureKind.LIFTED, self.address_hash, at=now)])
                Invitation.objects.settle(self.pk, is_new=not was_reader and not lifted)
        return confirmed

    def unsubscribe(self, now: datetime, how: ConsentDetails = NO_DETAILS) -> bool:
        """Also invalidates confirmations that are on their way."""
        with transaction.atomic():
            left = bool(Subscriber.objects.filter(pk=self.pk).leave(now, how))
        if left:
            self.refresh_from_db()
        return left

    def undo(self, now: datetime, how: ConsentDetails = NO_DETAILS) -> bool:
        """Undo the unsubscribe that was read, however old."""
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
        """Suppress the address; an earlier reason stays."""
        with transaction.atomic():
            departures.append_to_file([make_departure(DepartureKind(reason), self.address_hash)])
            _barred, is_new = Suppression.objects.get_or_create(
                address_hash=self.address_hash, defaults={"email": self.email, "reason": reason, "note": note}
            )
        return is_new

    def set_tags(self, names: list[str]) -> None:
        with transaction.atomic():
            self.taggings.all().delete()
            Tagging.objects.give({self.pk: names})

    def erase(self) -> None:
        """Delete the reader with all records; a suppression by hash stays, so that no import brings them back."""
        with transaction.atomic():
            departures.append_to_file([make_departure(DepartureKind.ERASED, self.address_hash)])
            Suppression.objects.update_or_create(
                address_hash=self.address_hash, defaults={"email": "", "note": "", "reason": Suppression.Reason.ERASED}
            )
            self.forget()

    def forget(self) -> None:
        """Delete the row, in the caller's transaction; the id is removed from rows without foreign keys later."""
        for act in consents.ERASING_CALLBACKS:
            act(self)
        Forgotten.objects.get_or_create(number=self.pk)
        self.delete()

    def _move(self, condition: Q, **values: object) -> bool:
        moved = Subscriber.objects.filter(condition, pk=self.pk).update(**values)
        if moved:
            self.refresh_from_db()
        return bool(moved)

    def _record(self, kind: Consent.Kind, how: ConsentDetails, now: datetime) -> None:
        """Append to the consent record, and before the commit to the departures file."""
        Consent.objects.add(self, kind, how, now)
        if kind in {Consent.Kind.CONFIRMED, Consent.Kind.CAME_BACK}:
            departures.append_to_file([make_departure(DepartureKind.RETURNED, self.address_hash, at=now)])
