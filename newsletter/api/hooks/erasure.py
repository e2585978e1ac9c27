"""Webhook calls about one reader: shown in their own data, and redacted on erasure."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.api.hooks.models import CALL_RETENTION, READER_EVENTS, Call, Hook, HookEventType
from subscribers.models import Subscriber, Suppression
from subscribers.own_data import LINES_MAX, DataChapter, DataLine

REDACTED_VALUES: dict[str, Any] = {"about": None, "answer": ""}  # a response may repeat the request


def calls_chapter(reader: Subscriber, token: str) -> DataChapter:
    found = Call.objects.about_reader(reader.pk).exclude(state=Call.State.VOID).select_related("hook")
    lines = tuple(_call_line(call) for call in found.order_by("-pk")[:LINES_MAX])
    days = CALL_RETENTION.days
    intro = ngettext("Kept for %(days)s day.", "Kept for %(days)s days.", days) % {"days": days} if lines else ""
    return DataChapter("webhooks", _("What other services learn"), lines, intro)


def _call_line(call: Call) -> DataLine:
    what = _("%(what)s: %(detail)s") % {"what": call.hook.host, "detail": call.get_event_display()}
    with_address = (_("with your address"),) if call.hook.shows_addresses else ()
    return DataLine(call.at, what, (call.get_state_display(), *with_address))


def hosts_with_addresses() -> list[str]:
    hooks = Hook.objects.filter(shows_addresses=True, events__event__in=READER_EVENTS)
    return [hook.host for hook in hooks.distinct()]


def redact_reader(reader: Subscriber) -> None:
    """Redact calls about a reader who is being erased. The erasure itself is still sent, with the key alone."""
    mine = Call.objects.about_reader(reader.pk)
    mine.exclude(state=Call.State.WAITING).update(**REDACTED_VALUES)
    still_sent = {"event": HookEventType.SUPPRESSED, "detail": Suppression.Reason.ERASED}
    waiting = mine.waiting().exclude(**still_sent)
    waiting.update(**REDACTED_VALUES, state=Call.State.VOID, settled_at=timezone.now())
