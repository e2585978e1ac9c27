"""One mailing on its way: its progress, with what the author can do about it."""

import json
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from newsletter.delivery.events import suppressing
from newsletter.delivery.ledger import uncertain
from newsletter.delivery.links.counting import followed
from newsletter.delivery.models import Breakdown, Mailing
from newsletter.delivery.planning.approving import can_be_corrected, copies_are_gone, obstacles_of
from newsletter.delivery.readers import changes
from newsletter.desk.issues import audit, breakdowns, progress, results
from newsletter.desk.issues.actions import ACTIONS, AT_ONCE, WITHOUT_WAITING, provider, readers
from newsletter.desk.issues.composer import page

NEXT: dict[str, str] = {
    Mailing.State.SCHEDULED: "cancel",
    Mailing.State.PAUSED: "resume",
}  # the filled button, by state


@require_safe
def mailing(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far it is; a script keeps that up to date."""
    found, now = _found(pk), timezone.now()
    context = _shown(request, found, now) | {"title": _("Mailing"), "words": list(progress.words_for_script())}
    context["answer_for_script"] = json.dumps(context["answer"])
    return page(request, "desk/mailing.html", found.issue, context)


@require_safe
def moving(request: HttpRequest, pk: int) -> JsonResponse:
    """Return the figures, for a page that is open; and its parts, if they say something else by now."""
    found, now = get_object_or_404(progress.followed(), pk=pk), timezone.now()
    answer = progress.answer(found, found.counts(), now)
    if request.GET.get("shape") != answer["shape"]:
        context = _shown(request, found, now) | {"issue": found.issue}
        answer["html"] = render_to_string("desk/_mailing.html", context, request)
    return JsonResponse(answer)


def _found(pk: int) -> Mailing:
    return get_object_or_404(progress.followed().select_related("issue"), pk=pk)


def _shown(request: HttpRequest, found: Mailing, now: datetime) -> dict[str, Any]:
    """Return what the parts of the page show."""
    may_send, counts = request.user.has_perm("issues.send_issue"), found.counts()
    breakdown = breakdowns.of(found)
    return {
        "mailing": found,
        "counts": counts,
        "figures": progress.figures(counts),
        "lead": progress.lead(found, counts, now, readers(found, now)),
        "answer": progress.answer(found, counts, now),
        "pace": progress.pace(found, counts, found.steps.order_by("pk"), now),
        "result": results.of(found, now),
        "links": followed(found) if found.counts_links and found.planned_at else (),
        "reasons": _reasons(found, breakdown),
        "can_be_corrected": may_send and found.state == Mailing.State.SENT and can_be_corrected(found.issue),
        "domains": breakdowns.domains(breakdown),
        "domain_columns": [label for _name, label in breakdowns.COLUMNS.values()],
        "actions": _actions(found) if may_send and found.state in Mailing.OPEN_STATES else [],
        "obstacles": obstacles_of(found, found.send_at) if found.state == "scheduled" else [],
        "waits_for_provider": found.state == "sending" and found.provider_failures and found.is_waiting(now),
        "entries": audit.entries_of(found),
        "provider": provider(found.mailer),
        "is_in_public_list": may_send and changes.can_be_withheld(found),
        "withheld_at": _withheld_at(found),
        "can_send_the_rest": may_send and _can_send_the_rest(found),
        "can_send_again": uncertain.can_be_sent_again(found),
        "in_question": suppressing.in_question(found),
        "called_dead": suppressing.called_dead(found),
    }


def _reasons(found: Mailing, breakdown: Breakdown | None) -> list[breakdowns.Reason]:
    """Return why copies failed, once nothing moves: an open page is told numbers, not this."""
    return [] if found.state == Mailing.State.SENDING else breakdowns.reasons(breakdown)


def _withheld_at(found: Mailing) -> datetime | None:
    """Return when the author took the text out of the public list of changes; None while it is there."""
    return changes.withheld(found.issue).get(found.content_hash) if changes.can_be_withheld(found) else None


def _actions(found: Mailing) -> list[dict[str, Any]]:
    """Return everything that can be done to a mailing that is open, each in a place of its own, possible now or not."""
    ours = [(name, one.title, one.is_open_to(found)) for name, one in ACTIONS.items() if one.makes_sense()]
    if not found.planned_at:  # the last places: when they go, no other moves
        is_scheduled = found.state == Mailing.State.SCHEDULED
        ours += [("move", _("Another time"), is_scheduled), (AT_ONCE, WITHOUT_WAITING.title, is_scheduled)]
    return [
        {
            "name": name,
            "title": title,
            "url": reverse(f"admin:mailing_{name}", args=[found.pk]),
            "is_open": is_open,
            "is_next": NEXT.get(found.state) == name,
        }
        for name, title, is_open in ours
    ]


def _can_send_the_rest(found: Mailing) -> bool:
    is_cancelled = found.state == Mailing.State.CANCELLED and not found.issue.mailings.open().exists()
    return is_cancelled and not copies_are_gone(found.issue)
