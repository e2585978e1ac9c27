"""What webhooks keep of one reader: shown with their own data, and gone when they are erased."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.api.hooks.models import KEPT_FOR, OF_READERS, Call, Event, Hook
from subscribers.models import Subscriber, Suppression
from subscribers.own_data import LINES_MAX, Chapter, Line

STRUCK: dict[str, Any] = {"about": None, "answer": ""}  # an answer may repeat what it was told


def calls(reader: Subscriber, token: str) -> Chapter:
    found = Call.objects.about_reader(reader.pk).exclude(state=Call.State.VOID).select_related("hook")
    lines = tuple(_line(call) for call in found.order_by("-pk")[:LINES_MAX])
    days = KEPT_FOR.days
    intro = ngettext("Kept for %(days)s day.", "Kept for %(days)s days.", days) % {"days": days} if lines else ""
    return Chapter("webhooks", _("What other services are told"), lines, intro)


def _line(call: Call) -> Line:
    with_address = (_("with your address"),) if call.hook.shows_addresses else ()
    return Line(call.at, f"{call.hook.host}: {call.get_event_display()}", (call.get_state_display(), *with_address))


def hosts() -> list[str]:
    """Return the hosts that are told the addresses of readers, for the privacy notice."""
    told = Hook.objects.filter(shows_addresses=True, events__event__in=OF_READERS)
    return [hook.host for hook in told.distinct()]


def forget(reader: Subscriber) -> None:
    """Strike out a reader who is being erased; that they are is still told, by their number alone."""
    mine = Call.objects.about_reader(reader.pk)
    mine.exclude(state=Call.State.WAITING).update(**STRUCK)
    still_told = {"event": Event.SUPPRESSED, "detail": Suppression.Reason.ERASED}
    waiting = mine.waiting().exclude(**still_told)
    waiting.update(**STRUCK, state=Call.State.VOID, settled_at=timezone.now())


def strike(call: Call) -> None:
    """Strike out what was told of a reader who is no more by now."""
    Call.objects.filter(pk=call.pk).update(**STRUCK)
