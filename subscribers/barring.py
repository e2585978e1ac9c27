"""Suppressing an address by hand, and taking that back: what the desk and programs do alike."""

from collections.abc import Iterable

from subscribers import departures
from subscribers.departures import Why
from subscribers.models import Suppression, address_hash
from subscribers.models.suppressions import departure


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
