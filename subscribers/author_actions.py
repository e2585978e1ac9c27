"""Actions of the author on one or some thousand readers. Each adds an Act or a Consent to the readers' history.

Call those that return `ResultCounts` in a transaction. They lock the readers they change, and are idempotent.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import F

from subscribers import departures
from subscribers.departures import DepartureKind
from subscribers.models import Act, Pause, Subscriber, SubscriberQuerySet, Suppression, address_hash, mail_queue
from subscribers.models.consents import ConsentDetails
from subscribers.models.suppressions import SuppressionQuerySet, make_departure
from subscribers.models.tags import TAGS_LENGTH_MAX, ReaderTag, Tagging, join_tags

State = Subscriber.State


class ReaderActionResult(StrEnum):
    DONE = "done"
    ALREADY = "already"  # it was so before
    NO_READER = "no-reader"  # pending or unsubscribed
    LONGER = "longer"  # already paused until a later day
    TODAY = "today"  # the mailbox has had its mails of the day
    FULL = "full"  # no room for another tag


@dataclass(frozen=True)
class ActionContext:
    """by: a user's name."""

    at: datetime
    by: str = ""
    reason: str = ""

    @property
    def circumstances(self) -> ConsentDetails:
        return ConsentDetails(f"by the author: {self.reason}" if self.reason else "by the author")


type ResultCounts = Counter[ReaderActionResult]
type ReaderIds = Collection[int]


def tag(readers: ReaderIds, name: str, context: ActionContext) -> ResultCounts:
    """Add a tag, unless all tags together would become too long."""
    locked = _lock(readers)
    names_of = Tagging.objects.names_of(locked)
    new = [pk for pk in locked if name not in names_of[pk]]
    fitting = [pk for pk in new if len(join_tags([*names_of[pk], name])) <= TAGS_LENGTH_MAX]
    if fitting:
        Tagging.objects.give({pk: [name] for pk in fitting})
        _record_act(fitting, Act.Action.TAGGED, context, name)
    return _counts(done=len(fitting), already=len(locked) - len(new), full=len(new) - len(fitting))


def untag(readers: ReaderIds, name: str, context: ActionContext) -> ResultCounts:
    locked = _lock(readers)
    given = Tagging.objects.filter(subscriber__in=locked, tag__in=ReaderTag.objects.filter(name=name))
    had = list(given.order_by("subscriber").values_list("subscriber_id", flat=True))
    if had:
        given.delete()
        _record_act(had, Act.Action.UNTAGGED, context, name)
    return _counts(done=len(had), already=len(locked) - len(had))


def retag(reader: Subscriber, names: list[str], context: ActionContext) -> None:
    """Replace a reader's tags, and record which were added and removed."""
    with transaction.atomic():
        before = reader.tag_names
        reader.set_tags(names)
        for name in names:
            if name not in before:
                _record_act([reader.pk], Act.Action.TAGGED, context, name)
        for name in before:
            if name not in names:
                _record_act([reader.pk], Act.Action.UNTAGGED, context, name)


def pause(readers: ReaderIds, until: datetime, context: ActionContext) -> ResultCounts:
    """Pause active and paused readers; a longer pause stays."""
    states = _lock_states(readers)
    found = [pk for pk, (state, _until) in states.items() if state in {State.ACTIVE, State.PAUSED}]
    longer = [pk for pk in found if (ends := states[pk][1]) and states[pk][0] == State.PAUSED and ends >= until]
    paused = sorted(set(found) - set(longer))
    if paused:
        _rows(paused).update(state=State.PAUSED, paused_until=until)
        Pause.objects.begin(paused, until, context.at)
        _record_act(paused, Act.Action.PAUSED, context, until.isoformat())
    return _counts(done=len(paused), longer=len(longer), no_reader=len(states) - len(found))


def resume(readers: ReaderIds, context: ActionContext) -> ResultCounts:
    states = _lock_states(readers)
    paused = [pk for pk, (state, _until) in states.items() if state == State.PAUSED]
    if paused:
        _rows(paused).update(state=State.ACTIVE, paused_until=None)
        Pause.objects.end(paused, context.at)
        _record_act(paused, Act.Action.RESUMED, context)
    return _counts(done=len(paused), already=len(states) - len(paused))


def unsubscribe(readers: ReaderIds, context: ActionContext) -> ResultCounts:
    """Like `Subscriber.unsubscribe`, with the author in the consent record."""
    locked = _lock(readers)
    left = _rows(locked).leave(context.at, context.circumstances)
    return _counts(done=len(left), already=len(locked) - len(left))


def suppress(readers: ReaderIds, context: ActionContext) -> ResultCounts:
    """Suppress the readers' addresses; an earlier reason stays."""
    locked = _lock(readers)
    rows = list(_rows(locked).order_by("pk").values_list("pk", "address_hash", "email"))
    known = Suppression.objects.filter(address_hash__in=[known_as for _pk, known_as, _email in rows])
    suppressed = set(known.values_list("address_hash", flat=True))
    new = [row for row in rows if row[1] not in suppressed]
    if new:
        manual = Suppression.Reason.MANUAL
        Suppression.objects.bulk_create(
            [Suppression(address_hash=who, email=email, reason=manual, note=context.reason) for _pk, who, email in new],
            ignore_conflicts=True,
        )
        gone = [make_departure(DepartureKind.MANUAL, who, at=context.at) for _pk, who, _email in new]
        departures.append_to_file(gone)
        _record_act([pk for pk, _who, _email in new], Act.Action.SUPPRESSED, context)
    return _counts(done=len(new), already=len(rows) - len(new))


def lift_suppression(readers: ReaderIds, context: ActionContext) -> ResultCounts:
    """Delete manual suppressions; a restore does not bring them back."""
    locked = _lock(readers)
    hashes = dict(_rows(locked).order_by("pk").values_list("address_hash", "pk"))
    suppressed = Suppression.objects.filter(address_hash__in=hashes, reason=Suppression.Reason.MANUAL)
    lifted = sorted(suppressed.values_list("address_hash", flat=True))
    if lifted:
        departures.append_to_file(make_departure(DepartureKind.LIFTED, who, at=context.at) for who in lifted)
        suppressed.delete()
        _record_act([hashes[who] for who in lifted], Act.Action.LIFTED, context)
    return _counts(done=len(lifted), already=len(locked) - len(lifted))


def ask_to_reconfirm(reader: int, context: ActionContext) -> ResultCounts:
    """Send one confirmation mail to a reader whose mail bounced; nothing else until they confirm."""
    found = _rows(_lock([reader])).first()
    if found is None or not found.is_reader or not (suppressed := _blocking(found, Suppression.Reason.BOUNCED)):
        return _counts(already=1)
    if not mail_queue.consume_mail_quota(found.email, context.at):
        return _counts(today=1)
    suppressed.update(reopened_at=context.at)
    asked = {"asked_at": context.at, "asked_times": F("asked_times") + 1}
    _rows([reader]).update(confirmation_due_at=context.at, confirmation_tries=0, **asked)
    _record_act([reader], Act.Action.ASKED, context)
    return _counts(done=1)


def allow_signup(reader: int, context: ActionContext) -> ResultCounts:
    """Let a bounced or complained address sign up and confirm again; sends nothing."""
    found = _rows(_lock([reader])).first()
    if found is None or not (suppressed := _blocking(found, Suppression.Reason.BOUNCED, Suppression.Reason.COMPLAINED)):
        return _counts(already=1)
    suppressed.update(reopened_at=context.at)
    _record_act([reader], Act.Action.REOPENED, context)
    return _counts(done=1)


def _blocking(reader: Subscriber, *reasons: str) -> SuppressionQuerySet:
    return Suppression.objects.blocking_signup().filter(address_hash=reader.address_hash, reason__in=reasons)


def _rows(readers: ReaderIds) -> SubscriberQuerySet:
    return Subscriber.objects.filter(pk__in=readers)


def _lock_states(readers: ReaderIds) -> dict[int, tuple[str, datetime | None]]:
    rows = _rows(readers).order_by("pk").select_for_update(no_key=True)
    return {pk: (state, until) for pk, state, until in rows.values_list("pk", "state", "paused_until")}


def _lock(readers: ReaderIds) -> list[int]:
    """Lock the existing readers until the transaction ends; ids ascending."""
    return list(_lock_states(readers))


def _record_act(readers: Iterable[int], what: Act.Action, context: ActionContext, detail: str = "") -> None:
    common = {"what": what, "detail": detail, "at": context.at, "by": context.by, "reason": context.reason}
    Act.objects.bulk_create(Act(subscriber_id=pk, **common) for pk in readers)


def _counts(**numbers: int) -> ResultCounts:
    return Counter({ReaderActionResult(name.replace("_", "-")): number for name, number in numbers.items() if number})


def add_suppression(suppression: Suppression) -> None:
    """Save a new suppression, and record it for a restore."""
    suppression.address_hash = address_hash(suppression.email)
    departures.append_to_file([make_departure(DepartureKind(suppression.reason), suppression.address_hash)])
    suppression.save()


def can_lift(suppression: Suppression) -> bool:
    """Only manual suppressions; the others end by the reader's consent."""
    return suppression.reason == Suppression.Reason.MANUAL


def record_lifting(suppressions: Iterable[Suppression]) -> None:
    """Record for a restore that these suppressions end; the caller deletes the rows."""
    departures.append_to_file(make_departure(DepartureKind.LIFTED, one.address_hash) for one in list(suppressions))
