"""One mailing on its way: progress, what the author can do about it, and what became of each copy."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import F, Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.delivery.events import suppressing
from newsletter.delivery.ledger import uncertain
from newsletter.delivery.letter.losses import losses
from newsletter.delivery.letter.rendering import freeze
from newsletter.delivery.links.counting import followed
from newsletter.delivery.models import Batch, Breakdown, Certificate, Delivery, Mailing, packs
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.obstacles import PlanningError, can_be_corrected, obstacles_of
from newsletter.delivery.readers import withholding
from newsletter.desk.issues import audit, breakdowns, progress, results
from newsletter.desk.issues.composer import in_question, in_words, page, wake_up
from newsletter.desk.issues.decisions import message_id_of
from newsletter.desk.issues.scheduling import when_form
from newsletter.mail.mailers import provider_name
from newsletter.publication.models import Publication
from subscribers.models import kept_tally

PER_PAGE = 50  # deliveries
NEXT: dict[str, str] = {
    Mailing.State.SCHEDULED: "cancel",
    Mailing.State.PAUSED: "resume",
}  # the filled button, by state


@dataclass(frozen=True)
class Action:
    """Something that the author can do to a mailing in one of some states."""

    title: Any
    states: tuple[str, ...]
    do: Callable[[Mailing, datetime, Mapping[str, str]], bool]  # the last: what was sent with the press
    report: Callable[[Mailing], str]
    makes_sense: Callable[[], bool] = lambda: True

    def is_open_to(self, mailing: Mailing) -> bool:
        return mailing.state in self.states and self.makes_sense()


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
    breakdown, certificate = breakdowns.of(found), found.certificates.last()
    return {
        "mailing": found,
        "counts": counts,
        "figures": progress.figures(counts),
        "lead": progress.lead(found, counts, now, _readers(found, now)),
        "answer": progress.answer(found, counts, now),
        "pace": progress.pace(found, counts, found.steps.order_by("pk"), now),
        "result": results.of(found, now),
        "links": followed(found) if found.counts_links and found.planned_at else (),
        "reasons": _reasons(found, breakdown, certificate),
        "can_be_corrected": may_send and found.state == Mailing.State.SENT and can_be_corrected(found.issue),
        "domains": breakdowns.domains(breakdown),
        "domain_columns": [label for _name, label in breakdowns.COLUMNS.values()],
        "actions": _actions(found) if may_send and found.state in Mailing.OPEN_STATES else [],
        "obstacles": obstacles_of(found, found.send_at) if found.state == "scheduled" else [],
        "waits_for_provider": found.state == "sending" and found.provider_failures and found.is_waiting(now),
        "entries": audit.entries_of(found),
        "certificate": certificate,
        "provider": _provider(found.mailer),
        "is_in_public_list": may_send and withholding.can_be_withheld(found),
        "withheld_at": _withheld_at(found),
        "can_send_the_rest": may_send and _can_send_the_rest(found),
        "can_send_again": uncertain.can_be_sent_again(found),
        "in_question": suppressing.in_question(found),
        "called_dead": suppressing.called_dead(found),
    }


def _reasons(found: Mailing, breakdown: Breakdown | None, certificate: Certificate | None) -> list[breakdowns.Reason]:
    """Return why copies failed, once nothing moves: an open page is told numbers, not this."""
    if found.state == Mailing.State.SENDING:
        return []
    return breakdowns.reasons(breakdown, certificate.document if certificate else None)


def _withheld_at(found: Mailing) -> datetime | None:
    """Return when the author took the text out of the public list of changes; None while it is there."""
    return withholding.withheld(found.issue).get(found.content_hash) if withholding.can_be_withheld(found) else None


def _readers(found: Mailing, now: datetime) -> int:
    """Return to how many readers a scheduled issue would go now; 0 where that is not all of them."""
    is_to_all = found.kind == Mailing.Kind.ISSUE and not found.segment and found.state == Mailing.State.SCHEDULED
    if not is_to_all or found.issue.mailings.filter(planned_at__isnull=False).exists():
        return 0
    return kept_tally(now).mailable


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
    return found.state == Mailing.State.CANCELLED and not found.issue.mailings.open().exists()


# --- What the author can do: GET asks, POST acts ---


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Ask whether it is meant; on POST do it, or say why it is too late."""
    found = get_object_or_404(Mailing.objects.select_related("issue"), pk=pk)
    wish = ALL_ACTIONS[action]
    if request.method != "POST" and wish.is_open_to(found):
        return _ask(request, found, action)
    try:
        is_done = request.method == "POST" and wish.makes_sense() and wish.do(found, timezone.now(), request.POST)
    except PlanningError as problem:
        messages.error(request, str(problem))
        return _ask(request, found, action)
    found.refresh_from_db()
    if is_done:
        messages.success(request, wish.report(found))
        wake_up()
    else:
        messages.warning(request, _too_late(found))
    return redirect("admin:mailing", pk)


def _ask(request: HttpRequest, found: Mailing, action: str) -> HttpResponse:
    """Ask whether it is meant, and what readers would miss of a text that replaces the approved one."""
    context = {"title": ALL_ACTIONS[action].title, "mailing": found, "action": action, "counts": found.counts()}
    context["readers"] = _readers(found, timezone.now())
    context |= {"provider": _provider(found.mailer), "other_provider": _provider(_other(found))}
    if action == "refreeze":
        context |= in_question(losses(found.issue, freeze(found.issue, found.note), found.note))
    return page(request, "desk/mailing_ask.html", found.issue, context)


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a scheduled mailing another time."""
    found, now = get_object_or_404(Mailing.objects.select_related("issue"), pk=pk), timezone.now()
    form = when_form(request, found.issue, now)
    if found.state != Mailing.State.SCHEDULED:
        messages.warning(request, _too_late(found))
        return redirect("admin:mailing", pk)
    if form.is_valid() and not (reasons := obstacles_of(found, form.send_at or form.begins)):
        _move(request, found, form.send_at or now)
        return redirect("admin:mailing", pk)
    for reason in reasons if form.is_bound and form.is_valid() else []:
        form.add_error(None, reason)
    context = {"title": _("Another time"), "mailing": found, "form": form, "now": now}
    return page(request, "desk/mailing_move.html", found.issue, context)


def _move(request: HttpRequest, found: Mailing, send_at: datetime) -> None:
    now = timezone.now()
    moved = approving.bring_forward(found, send_at=send_at, now=now, hold=_hold())
    found.refresh_from_db()
    if moved:
        text = _("Moved. The first mail leaves on %(time)s; until then a cancel reaches nobody.")
        messages.success(request, text % {"time": in_words(found.send_at)})
    else:
        messages.warning(request, _too_late(found))


def _too_late(found: Mailing) -> str:
    text = _("Nothing was changed: this mailing is %(state)s by now. Perhaps another tab was faster.")
    return text % {"state": found.get_state_display()}


def _hold() -> timedelta:
    return approving.hold_of(Publication.objects.current())


def _after_pausing(found: Mailing) -> str:
    return _("Paused. No further mail leaves until you resume it.")


def _after_refreezing(found: Mailing) -> str:
    return _("The mailing carries the current text now.")


def _after_resuming(found: Mailing) -> str:
    if found.planned_at:
        return _("It goes on where it stopped. Nobody gets it twice.")
    return _("It is scheduled again. The first mail leaves on %(time)s.") % {"time": in_words(found.send_at)}


def _after_cancelling(found: Mailing) -> str:
    counts = found.counts()
    left = counts.sent + counts.uncertain + counts.sending
    if not left:
        return _("Cancelled. Nobody got it.")
    text = ngettext(
        "Cancelled. %(count)d reader has got it already; nobody else will.",
        "Cancelled. %(count)d readers have got it already; nobody else will.",
        left,
    )
    return text % {"count": left}


def _pause(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    return found.pause(cause=Mailing.Cause.AUTHOR)


def _resume(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    if found.paused_by == Mailing.Cause.QUOTE:
        raise PlanningError(found.why_paused or found.reason)
    return found.resume(now, _hold())


def _refreeze(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    return approving.refreeze(found, now=now, acknowledged=typed.get("unshown", ""))


def _cancel(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    return found.cancel(now)


def _end_hold(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    return approving.end_hold(found, now=now)


def _after_ending_the_hold(found: Mailing) -> str:
    return _("It is being sent. The first mail leaves within seconds.")


def _other(found: Mailing) -> str:
    return "default" if found.mailer == "bulk" else "bulk"


def _provider(alias: str) -> str:
    return audit.provider_in_words(provider_name(settings.MAILERS[alias]))


def _has_two_providers() -> bool:
    return bool(settings.MAILERS["default"] != settings.MAILERS["bulk"])


def _switch(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    return found.switch(_other(found), provider_name(settings.MAILERS[_other(found)]))


def _after_switching(found: Mailing) -> str:
    return _("What has not left goes by %(provider)s once you resume.") % {"provider": _provider(found.mailer)}


_State = Mailing.State
ACTIONS = {  # in the order of their places: none ever takes the place of another
    "pause": Action(gettext_lazy("Pause"), (_State.SCHEDULED, _State.SENDING), _pause, _after_pausing),
    "resume": Action(gettext_lazy("Resume"), (_State.PAUSED,), _resume, _after_resuming),
    "refreeze": Action(
        gettext_lazy("Use the current text"), (_State.SCHEDULED, _State.PAUSED), _refreeze, _after_refreezing
    ),
    "switch": Action(
        gettext_lazy("Use the other provider"), (_State.PAUSED,), _switch, _after_switching, _has_two_providers
    ),
    "cancel": Action(gettext_lazy("Cancel sending"), tuple(Mailing.OPEN_STATES), _cancel, _after_cancelling),
}
AT_ONCE = "at_once"
WITHOUT_WAITING = Action(
    gettext_lazy("Don’t wait, send it now"), (_State.SCHEDULED,), _end_hold, _after_ending_the_hold
)
ALL_ACTIONS = ACTIONS | {AT_ONCE: WITHOUT_WAITING}


# --- What became of each copy ---


@require_safe
def deliveries(request: HttpRequest, pk: int, state: str) -> HttpResponse:
    """List the copies in one state by their number, a page at a time."""
    found = get_object_or_404(Mailing.objects.select_related("issue").defer("html", "text"), pk=pk)
    if state not in WHERE:
        raise Http404(state)
    after = request.GET.get("after", "")
    rows, following = _rows(found, state, int(after) if after.isdecimal() and len(after) < 10 else -1)
    context = {
        "title": Delivery.State[state.upper()].label,
        "mailing": found,
        "state": state,
        "states": [(name, Delivery.State[name.upper()].label) for name in WHERE],
        "rows": rows,
        "choices": [(row, message_id_of(found, row.seq)) for row in rows] if state == "uncertain" else [],
        "count": found.counts().uncertain,
        "can_send_again": uncertain.can_be_sent_again(found),
        "following": following,
        "is_first": not after,
        "is_packed": state == "sent" and found.packs.exists(),
    }
    return page(request, "desk/deliveries.html", found.issue, context)


# Which batches can hold a copy in a state. No index holds a delivery's state; these few rows take its place.
WHERE = {
    "failed": Q(failed__gt=0),
    "uncertain": Q(uncertain__gt=0),
    "deferred": ~Q(state=Batch.State.DONE) & (Q(pass_no__gt=1) | Q(cursor__gt=F("lo")) | Q(not_before__isnull=False)),
    "skipped": Q(skipped__gt=0),
    "sent": Q(sent__gt=0),
    "queued": ~Q(state=Batch.State.DONE),
}


def _packed(found: Mailing, state: str, after: int, until: int) -> list[Delivery]:
    """Return the packed copies in `state` behind number `after`, enough for one page."""
    wanted = Delivery.State[state.upper()]
    batches = found.batches.filter(WHERE[state], hi__gt=after + 1, hi__lte=until, pack__isnull=False)
    return packs.deliveries(batches, lambda copy: copy.state == wanted and copy.seq > after, PER_PAGE + 1)


def _rows(found: Mailing, state: str, after: int) -> tuple[list[Delivery], int | None]:
    """Return the copies in `state` behind number `after`, and the number behind which the next page begins."""
    may_hold = found.batches.filter(WHERE[state], hi__gt=after + 1).order_by("no")
    batches = list(may_hold.values_list("lo", "hi")[:PER_PAGE])
    if not batches:
        return [], None
    ranges = Q()
    for lo, hi in batches:
        ranges |= Q(seq__gte=max(lo, after + 1), seq__lt=hi)
    copies = found.deliveries.filter(ranges, state=Delivery.State[state.upper()]).select_related("subscriber")
    rows = list(copies.order_by("seq")[: PER_PAGE + 1])
    rows = sorted([*rows, *_packed(found, state, after, batches[-1][1])], key=attrgetter("seq"))
    if len(rows) > PER_PAGE:
        return rows[:PER_PAGE], rows[PER_PAGE - 1].seq
    return rows, batches[-1][1] - 1 if len(batches) == PER_PAGE else None
