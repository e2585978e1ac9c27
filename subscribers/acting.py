"""What the author does to readers, one or some thousand at once. Each leaves a line in their story or their record.

Every function wants a transaction around it, locks the readers whom it changes, and can be called twice: the second
time finds nothing to do. It returns how many readers came to which end."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import F

from subscribers import departures
from subscribers.departures import Why
from subscribers.models import Act, Pause, Subscriber, SubscriberQuerySet, Suppression, address_hash, mails
from subscribers.models.consents import Circumstances
from subscribers.models.suppressions import SuppressionQuerySet, departure
from subscribers.models.tags import TAGS_LENGTH_MAX, Tag, Tagging, joined

State = Subscriber.State


class End(StrEnum):
    """What became of a reader by an act."""

    DONE = "done"
    ALREADY = "already"  # it was so before
    NO_READER = "no-reader"  # has not confirmed, or has left
    LONGER = "longer"  # is paused until a later day by their own choice, or the author's
    TODAY = "today"  # has been sent as many mails today as a mailbox may be
    FULL = "full"  # has so many tags that no other fits


@dataclass(frozen=True)
class Occasion:
    """When, by whom and why something is done. by: a user's name."""

    at: datetime
    by: str = ""
    reason: str = ""

    @property
    def circumstances(self) -> Circumstances:
        """Return what the record of a subscription says of it."""
        return Circumstances(f"by the author: {self.reason}" if self.reason else "by the author")


type Ends = Counter[End]
type Keys = Collection[int]


def tag(readers: Keys, name: str, occasion: Occasion) -> Ends:
    """Give a tag to those who have it not, unless their tags together would become too long."""
    locked = _locked(readers)
    names_of = Tagging.objects.names_of(locked)
    new = [pk for pk in locked if name not in names_of[pk]]
    fitting = [pk for pk in new if len(joined([*names_of[pk], name])) <= TAGS_LENGTH_MAX]
    if fitting:
        Tagging.objects.give({pk: [name] for pk in fitting})
        _write(fitting, Act.What.TAGGED, occasion, name)
    return _ends(done=len(fitting), already=len(locked) - len(new), full=len(new) - len(fitting))


def untag(readers: Keys, name: str, occasion: Occasion) -> Ends:
    """Take a tag from those who have it."""
    locked = _locked(readers)
    given = Tagging.objects.filter(subscriber__in=locked, tag__in=Tag.objects.filter(name=name))
    had = list(given.order_by("subscriber").values_list("subscriber_id", flat=True))
    if had:
        given.delete()
        _write(had, Act.What.UNTAGGED, occasion, name)
    return _ends(done=len(had), already=len(locked) - len(had))


def retag(reader: Subscriber, names: list[str], occasion: Occasion) -> None:
    """Give a reader these tags and no others; what is new and what is gone stands in their story."""
    with transaction.atomic():
        before = reader.tag_names
        reader.set_tags(names)
        for name in names:
            if name not in before:
                _write([reader.pk], Act.What.TAGGED, occasion, name)
        for name in before:
            if name not in names:
                _write([reader.pk], Act.What.UNTAGGED, occasion, name)


def pause(readers: Keys, until: datetime, occasion: Occasion) -> Ends:
    """Let no issue go to active readers until a day. Nobody who is paused for longer comes back sooner."""
    states = _states(readers)
    found = [pk for pk, (state, _until) in states.items() if state in {State.ACTIVE, State.PAUSED}]
    longer = [pk for pk in found if (ends := states[pk][1]) and states[pk][0] == State.PAUSED and ends >= until]
    paused = sorted(set(found) - set(longer))
    if paused:
        _rows(paused).update(state=State.PAUSED, paused_until=until)
        Pause.objects.begin(paused, until, occasion.at)
        _write(paused, Act.What.PAUSED, occasion, until.isoformat())
    return _ends(done=len(paused), longer=len(longer), no_reader=len(states) - len(found))


def resume(readers: Keys, occasion: Occasion) -> Ends:
    """End the pause of those who are paused."""
    states = _states(readers)
    paused = [pk for pk, (state, _until) in states.items() if state == State.PAUSED]
    if paused:
        _rows(paused).update(state=State.ACTIVE, paused_until=None)
        Pause.objects.end(paused, occasion.at)
        _write(paused, Act.What.RESUMED, occasion)
    return _ends(done=len(paused), already=len(states) - len(paused))


def unsubscribe(readers: Keys, occasion: Occasion) -> Ends:
    """Let readers leave, as `Subscriber.unsubscribe` does for one; their record says by whom."""
    locked = _locked(readers)
    left = _rows(locked).leave(occasion.at, occasion.circumstances)
    return _ends(done=len(left), already=len(locked) - len(left))


def suppress(readers: Keys, occasion: Occasion) -> Ends:
    """Never mail these addresses again. An earlier reason stands."""
    locked = _locked(readers)
    rows = list(_rows(locked).order_by("pk").values_list("pk", "address_hash", "email"))
    known = Suppression.objects.filter(address_hash__in=[known_as for _pk, known_as, _email in rows])
    barred = set(known.values_list("address_hash", flat=True))
    new = [row for row in rows if row[1] not in barred]
    if new:
        manual = Suppression.Reason.MANUAL
        Suppression.objects.bulk_create(
            [
                Suppression(address_hash=who, email=email, reason=manual, note=occasion.reason)
                for _pk, who, email in new
            ],
            ignore_conflicts=True,
        )
        departures.write(departure(Why.MANUAL, who, at=occasion.at) for _pk, who, _email in new)
        _write([pk for pk, _who, _email in new], Act.What.SUPPRESSED, occasion)
    return _ends(done=len(new), already=len(rows) - len(new))


def lift(readers: Keys, occasion: Occasion) -> Ends:
    """Let addresses be mailed again that were suppressed by hand; no restore bars them anew."""
    locked = _locked(readers)
    hashes = dict(_rows(locked).order_by("pk").values_list("address_hash", "pk"))
    barred = Suppression.objects.filter(address_hash__in=hashes, reason=Suppression.Reason.MANUAL)
    lifted = sorted(barred.values_list("address_hash", flat=True))
    if lifted:
        departures.write(departure(Why.LIFTED, who, at=occasion.at) for who in lifted)
        barred.delete()
        _write([hashes[who] for who in lifted], Act.What.LIFTED, occasion)
    return _ends(done=len(lifted), already=len(locked) - len(lifted))


def ask_back(reader: int, occasion: Occasion) -> Ends:
    """Ask a reader whose mail came back, once and by mail, to confirm anew. Nothing else goes to them until they do."""
    found = _rows(_locked([reader])).first()
    if found is None or not found.is_reader or not (barred := _barred(found, Suppression.Reason.BOUNCED)):
        return _ends(already=1)
    if not mails.take_from_budget(found.email, occasion.at):
        return _ends(today=1)
    barred.update(reopened_at=occasion.at)
    asked = {"asked_at": occasion.at, "asked_times": F("asked_times") + 1}
    _rows([reader]).update(confirmation_due_at=occasion.at, confirmation_tries=0, **asked)
    _write([reader], Act.What.ASKED, occasion)
    return _ends(done=1)


def reopen(reader: int, occasion: Occasion) -> Ends:
    """Let somebody who complained, or has left, sign up and confirm again. Nothing is mailed unasked."""
    found = _rows(_locked([reader])).first()
    if found is None or not (barred := _barred(found, Suppression.Reason.BOUNCED, Suppression.Reason.COMPLAINED)):
        return _ends(already=1)
    barred.update(reopened_at=occasion.at)
    _write([reader], Act.What.REOPENED, occasion)
    return _ends(done=1)


def _barred(reader: Subscriber, *reasons: str) -> SuppressionQuerySet:
    return Suppression.objects.standing().filter(address_hash=reader.address_hash, reason__in=reasons)


def _rows(readers: Keys) -> SubscriberQuerySet:
    return Subscriber.objects.filter(pk__in=readers)


def _states(readers: Keys) -> dict[int, tuple[str, datetime | None]]:
    rows = _rows(readers).order_by("pk").select_for_update(no_key=True)
    return {pk: (state, until) for pk, state, until in rows.values_list("pk", "state", "paused_until")}


def _locked(readers: Keys) -> list[int]:
    """Return those who are still there, in the order of their numbers, and keep them until the transaction ends."""
    return list(_states(readers))


def _write(readers: Iterable[int], what: Act.What, occasion: Occasion, detail: str = "") -> None:
    common = {"what": what, "detail": detail, "at": occasion.at, "by": occasion.by, "reason": occasion.reason}
    Act.objects.bulk_create(Act(subscriber_id=pk, **common) for pk in readers)


def _ends(**numbers: int) -> Ends:
    return Counter({End(name.replace("_", "-")): number for name, number in numbers.items() if number})


def bar(suppression: Suppression) -> None:
    """Keep a new suppression, which a restore repeats."""
    suppression.address_hash = address_hash(suppression.email)
    departures.write([departure(Why(suppression.reason), suppression.address_hash)])
    suppression.save()


def is_ours_to_lift(suppression: Suppression) -> bool:
    """Return whether the author may take it back: what was done by hand. The rest ends by the reader's wish."""
    return suppression.reason == Suppression.Reason.MANUAL


def before_lifting(suppressions: Iterable[Suppression]) -> None:
    """Let no restore bar these addresses anew; whoever calls this deletes the rows."""
    departures.write(departure(Why.LIFTED, one.address_hash) for one in list(suppressions))
