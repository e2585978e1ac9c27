"""What the author can do to a mailing that is open: GET asks whether it is meant, POST acts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from newsletter.delivery.letter.losses import losses
from newsletter.delivery.letter.rendering import freeze
from newsletter.delivery.models import Mailing
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError, obstacles_of
from newsletter.desk.issues import audit
from newsletter.desk.issues.composer import in_question, in_words, page, wake_up
from newsletter.desk.issues.scheduling import when_form
from newsletter.mail.mailers import provider_name
from newsletter.publication.models import Publication
from subscribers.models import kept_tally


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
    context["readers"] = readers(found, timezone.now())
    context |= {"provider": provider(found.mailer), "other_provider": provider(_other(found))}
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


def readers(found: Mailing, now: datetime) -> int:
    """Return to how many readers a scheduled issue would go now; 0 where that is not all of them."""
    is_to_all = found.kind == Mailing.Kind.ISSUE and not found.segment and found.state == Mailing.State.SCHEDULED
    if not is_to_all or found.issue.mailings.filter(planned_at__isnull=False).exists():
        return 0
    return kept_tally(now).mailable


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


def provider(alias: str) -> str:
    return audit.provider_in_words(provider_name(settings.MAILERS[alias]))


def _has_two_providers() -> bool:
    return bool(settings.MAILERS["default"] != settings.MAILERS["bulk"])


def _switch(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    return found.switch(_other(found), provider_name(settings.MAILERS[_other(found)]))


def _after_switching(found: Mailing) -> str:
    return _("What has not left goes by %(provider)s once you resume.") % {"provider": provider(found.mailer)}


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
