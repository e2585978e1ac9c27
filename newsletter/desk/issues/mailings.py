"""The page of one mailing: its progress, polled by a script, and its actions."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from newsletter.delivery.events import rules
from newsletter.delivery.ledger import uncertain
from newsletter.delivery.links.counting import link_counts as followed_links
from newsletter.delivery.models import Breakdown, Mailing, MailingCounts
from newsletter.delivery.models.mailing import MailingStep
from newsletter.delivery.planning.approving import can_be_corrected, deleted_deliveries_obstacles, mailing_obstacles
from newsletter.delivery.readers import changes
from newsletter.desk.issues import copies, history, results
from newsletter.desk.issues.actions import ACTIONS, AT_ONCE, SEND_AT_ONCE, mailer_label, reader_count
from newsletter.desk.issues.composer import issue_page
from newsletter.desk.templatetags.calendar_days import days_until
from newsletter.desk.templatetags.figures import thousands
from newsletter.issues.models import Issue

LIVELY_SECONDS, SOON_SECONDS, IDLE_SECONDS = 1.5, 5, 60  # seconds between polls
State = Mailing.State
WAIT_FORMATS = {  # formats by largest unit; the script uses the same
    "days": gettext_lazy("{d} days"),
    "hours": gettext_lazy("{h} h {m} min"),
    "minutes": gettext_lazy("{m} min {s} s"),
    "seconds": gettext_lazy("{s} s"),
}


FIGURES_ALWAYS_SHOWN = {"queued", "sent"}
RARE_ACTIONS = {"refreeze", "switch"}  # actions behind "More"


@dataclass(frozen=True)
class MailingFigure:
    """name: the field of MailingCounts. listed: the state under which its copies are listed."""

    name: str
    label: Any
    count: int
    listed: str = ""
    is_bad: bool = False

    @property
    def is_shown(self) -> bool:
        return self.count > 0 or self.name in FIGURES_ALWAYS_SHOWN

    @property
    def shown(self) -> str:
        return thousands(self.count)


def mailing_figures(counts: MailingCounts) -> list[MailingFigure]:
    return [
        MailingFigure("queued", _("waiting"), counts.queued - counts.deferred, "queued"),
        MailingFigure("sending", _("being handed over"), counts.sending),
        MailingFigure("sent", _("sent"), counts.sent, "sent"),
        MailingFigure("deferred", _("deferred"), counts.deferred, "deferred"),
        MailingFigure("failed", _("failed"), counts.failed, "failed", is_bad=counts.failed > 0),
        MailingFigure("uncertain", _("uncertain"), counts.uncertain, "uncertain", is_bad=counts.uncertain > 0),
        MailingFigure("skipped", _("skipped"), counts.skipped, "skipped"),
    ]


def wait_text(left: timedelta) -> str:
    """A duration as text: with seconds below an hour, at least one second."""
    seconds = max(1, round(left.total_seconds()))
    minutes, hours = seconds // 60, seconds // 3600
    unit = "days" if hours >= 48 else "hours" if hours else "minutes" if minutes else "seconds"
    return str(WAIT_FORMATS[unit]).format(d=hours // 24, h=hours, m=minutes % 60, s=seconds % 60)


def wait_until(at: datetime, now: datetime) -> str:
    """Time until `at`: from 48 hours on in calendar days, as on the first page."""
    left = at - now
    days = str(WAIT_FORMATS["days"]).format(d=_days_until(at, now))
    return days if left >= timedelta(hours=48) else wait_text(left)


def _days_until(at: datetime, now: datetime) -> int:
    return days_until(at, ZoneInfo(timezone.get_current_timezone_name()), now)


def mailings_to_poll() -> QuerySet[Mailing]:
    """Mailings with everything that `poll_data` needs, in one query: pages poll every second or two."""
    last = Subquery(MailingStep.objects.filter(mailing=OuterRef("pk")).order_by("-pk").values("pk")[:1])
    return Mailing.objects.select_related("breakdown").defer("html", "text").annotate(last_step=last)


def page_signature(mailing: Any, breakdown: Breakdown | None, now: datetime) -> str:
    """A value that changes whenever more than the numbers of the page must change. mailing: of `mailings_to_poll`."""
    times = (at.timestamp() if at else 0 for at in (mailing.send_at, mailing.retry_at))
    last = (mailing.state, mailing.last_step, mailing.counted_at is not None)
    parts = (*last, *times, mailing.content_hash[:8], len(mailing.reason))
    domains = len(copies.domain_rows(breakdown))
    return ".".join(map(str, (*parts, int(mailing.send_at <= now), domains)))


def seconds_to_next_poll(mailing: Mailing, now: datetime) -> float:
    """0 when nothing will change any more."""
    if mailing.state == State.SENDING:
        return LIVELY_SECONDS
    if mailing.state == State.SCHEDULED:
        left = mailing.send_at - now
        if left < timedelta(minutes=2):
            return LIVELY_SECONDS
        return SOON_SECONDS if left < timedelta(hours=1) else IDLE_SECONDS
    is_settled = mailing.counted_at is not None or mailing.planned_at is None
    return 0 if mailing.state != State.PAUSED and is_settled else SOON_SECONDS


def poll_data(mailing: Mailing, counts: MailingCounts, now: datetime) -> dict[str, Any]:
    """JSON for an open page: figures and page signature. mailing: of `mailings_to_poll`."""
    breakdown = copies.breakdown_of(mailing)
    shown = {one.name: one.shown for one in mailing_figures(counts)} | {"total": thousands(counts.total)}
    return {
        "shape": page_signature(mailing, breakdown, now),
        "state": mailing.get_state_display(),
        "is_sending": mailing.state == State.SENDING,
        "figures": shown | dict(copies.domain_figures(breakdown)),
        "bad": [one.name for one in mailing_figures(counts) if one.is_bad],
        "finished": counts.finished,
        "total": counts.total,
        "starts_in": (mailing.send_at - now).total_seconds() if mailing.state == State.SCHEDULED else None,
        "starts_in_days": _days_until(mailing.send_at, now),
        "again_in": seconds_to_next_poll(mailing, now),
    }


def lead_sentence(mailing: Mailing, counts: MailingCounts, now: datetime, readers: int = 0) -> SafeString:
    """The current state in one sentence; a script updates its numbers.

    readers: who would get it now; 0 if unknown.
    """
    what = mailing_title(mailing)
    if mailing.state == State.SCHEDULED:
        return _scheduled(mailing, what, now, readers)
    if mailing.state == State.PAUSED:
        return format_html("{}", _paused(mailing, what))
    sentences = {
        State.SENDING: _("{what}: {sent} of {total} sent."),
        State.SENT: _("{what} is finished: {sent} of {total} sent."),
        State.CANCELLED: _("{what} is cancelled: {sent} of {total} sent, and nobody else gets it."),
    }
    if mailing.planned_at is None:
        return format_html("{}", _("%(what)s was cancelled before any mail left.") % {"what": what})
    sent, total = _counted("sent", counts.sent), _counted("total", counts.total)
    return format_html(sentences[State(mailing.state)], what=what, sent=sent, total=total)


def issue_title(issue: Issue) -> str:
    return _("Issue %(number)s") % {"number": issue.number}


def mailing_title(mailing: Mailing) -> str:
    """The beginning of a sentence."""
    if mailing.kind != Mailing.Kind.CORRECTION:
        return issue_title(mailing.issue)
    return _("The correction of issue %(number)s") % {"number": mailing.issue.number}


def _counted(name: str, count: int) -> SafeString:
    return format_html('<span data-figure="{}">{}</span>', name, thousands(count))


def _scheduled(mailing: Mailing, what: str, now: datetime, readers: int) -> SafeString:
    if mailing.send_at <= now:
        return format_html("{}", _("Its time has come: a worker begins within seconds."))
    wait = format_html('<span role="timer" data-countdown>{}</span>', wait_until(mailing.send_at, now))
    if not readers:
        return format_html(_("{what} leaves in {wait}. Cancel now and nobody gets it."), what=what, wait=wait)
    text = ngettext(
        "{what} leaves in {wait} to {readers} reader, and can still be cancelled.",
        "{what} leaves in {wait} to {readers} readers, and can still be cancelled.",
        readers,
    )
    return format_html(text, what=what, wait=wait, readers=thousands(readers))


def _paused(mailing: Mailing, what: str) -> str:
    if mailing.paused_by == Mailing.Cause.AUTHOR:
        return mailing.why_paused
    facts = {"what": what, "cause": mailing.get_paused_by_display()}
    return _("%(what)s is stopped: %(cause)s.") % facts if facts["cause"] else _("%(what)s is paused.") % facts


def script_messages() -> Iterator[tuple[str, str]]:
    yield from ((unit, str(words)) for unit, words in WAIT_FORMATS.items())
    yield "due", _("a moment")
    yield "rate", _("{n} a second")
    yield "minutes-left", _("about {n} min left")
    yield "soon", _("less than a minute left")
    yield "away", _("The desk does not answer. The figures are those of {time}; this page goes on trying by itself.")
    yield "back", _("The desk answers again.")
    yield "logged-out", _("The figures are those of {time}: this page may not ask any more. Reload it.")


PRIMARY_ACTIONS: dict[str, str] = {State.SCHEDULED: "cancel", State.PAUSED: "resume"}  # the primary button


type Steps = Callable[[Any, datetime], Mapping[str, Any]]  # what is next about issues: desk.today.issues_context


@require_safe
def mailing(request: HttpRequest, pk: int, steps: Steps) -> HttpResponse:
    found, now = get_object_or_404(mailings_to_poll().select_related("issue"), pk=pk), timezone.now()
    context = _shown(request, found, now, steps) | {"title": _("Mailing"), "words": list(script_messages())}
    context["answer_for_script"] = json.dumps(context["answer"])
    return issue_page(request, "desk/mailing.html", found.issue, context)


@require_safe
def poll_mailing(request: HttpRequest, pk: int, steps: Steps) -> JsonResponse:
    found, now = get_object_or_404(mailings_to_poll(), pk=pk), timezone.now()
    news = poll_data(found, found.counts(), now)
    if request.GET.get("shape") != news["shape"]:
        context = _shown(request, found, now, steps) | {"issue": found.issue}
        parts = ("desk/_issue_name.html", "desk/_mailing.html", "desk/_mailing_actions.html")
        news["html"] = "".join(render_to_string(name, context, request) for name in parts)
    return JsonResponse(news)


def _shown(request: HttpRequest, found: Mailing, now: datetime, steps: Steps) -> dict[str, Any]:
    may_send, counts = request.user.has_perm("issues.send_issue"), found.counts()
    breakdown, result = copies.breakdown_of(found), results.result_page(found, now)
    actions = _actions(found) if may_send and found.state in Mailing.OPEN_STATES else []
    return {
        "mailing": found,
        "counts": counts,
        "figures": mailing_figures(counts),
        "lead": result.sentence if result else lead_sentence(found, counts, now, reader_count(found, now)),
        "answer": poll_data(found, counts, now),
        "result": result,
        "step": steps(request.user, now)["step"] if result else None,
        "links": followed_links(found) if found.counts_links and found.planned_at else (),
        # Not while it is being sent: polling updates numbers only.
        "reasons": [] if found.state == State.SENDING else copies.failure_reasons(breakdown),
        "can_be_corrected": may_send and found.state == Mailing.State.SENT and can_be_corrected(found.issue),
        "domains": copies.domain_rows(breakdown),
        "domain_columns": [label for _name, label in copies.STATE_COLUMNS.values()],
        "actions": [one for one in actions if one["name"] not in {*RARE_ACTIONS, AT_ONCE}],
        "seldom": [one for one in actions if one["name"] in RARE_ACTIONS],
        "at_once": next((one for one in actions if one["name"] == AT_ONCE), None),
        "obstacles": mailing_obstacles(found, found.send_at) if found.state == "scheduled" else [],
        "waits_for_provider": found.state == "sending" and found.provider_failures and found.is_waiting(now),
        "entries": history.mailing_entries(found),
        "provider": mailer_label(found.mailer),
        "is_in_public_list": may_send and changes.can_be_withheld(found),
        "withheld_at": _withheld_at(found),
        "can_send_the_rest": may_send and _can_send_the_rest(found),
        "can_send_again": uncertain.can_be_sent_again(found),
        "in_question": rules.count_undecided_dead(found),
        "called_dead": rules.count_dead(found),
    }


def _withheld_at(found: Mailing) -> datetime | None:
    """When the author hid the text from the public changes; None if it is visible."""
    return changes.withheld_texts(found.issue).get(found.content_hash) if changes.can_be_withheld(found) else None


AFTER_DOWNTIME = {"cancel": gettext_lazy("Nobody else gets it"), "resume": gettext_lazy("Go on")}


def _actions(found: Mailing) -> list[dict[str, Any]]:
    decisions = AFTER_DOWNTIME if found.paused_by == Mailing.Cause.DOWNTIME else {}
    ours = [(name, decisions.get(name, one.title)) for name, one in ACTIONS.items() if one.is_open_to(found)]
    if found.state == Mailing.State.SCHEDULED:
        ours += [("move", _("Another time")), (AT_ONCE, SEND_AT_ONCE.title)]
    return [
        {
            "name": name,
            "title": title,
            "url": reverse(f"admin:mailing_{name}", args=[found.pk]),
            "is_next": PRIMARY_ACTIONS.get(found.state) == name,
            "is_one_press": name == "cancel" or name in decisions,
        }
        for name, title in ours
    ]


def _can_send_the_rest(found: Mailing) -> bool:
    is_cancelled = found.state == Mailing.State.CANCELLED and not found.issue.mailings.open().exists()
    return is_cancelled and not deleted_deliveries_obstacles(found.issue)
