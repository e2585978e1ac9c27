"""Actions on a mailing and decisions about its copies: GET asks for confirmation, POST acts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Max, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from django.views.decorators.http import require_http_methods

from newsletter.delivery.events import rules
from newsletter.delivery.ledger import restore_detection
from newsletter.delivery.ledger import uncertain as evidence
from newsletter.delivery.ledger.uncertain import DeliveryReport, Resolution, SeenRow
from newsletter.delivery.letter.losses import losses
from newsletter.delivery.letter.rendering import freeze_letter
from newsletter.delivery.models import Delivery, LedgerPlace, Mailing
from newsletter.delivery.models.deliveries import Restoration
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError, mailing_obstacles
from newsletter.delivery.readers import changes
from newsletter.desk.forms import WithholdForm
from newsletter.desk.issues import history
from newsletter.desk.issues.composer import issue_page, losses_context, wake_workers
from newsletter.desk.issues.scheduling import schedule_form
from newsletter.desk.templatetags.calendar_days import long_moment
from newsletter.mail import headers, reach
from newsletter.mail.mailers import provider_label
from newsletter.publication.models import Publication
from subscribers.models import cached_reader_counts


@dataclass(frozen=True)
class Action:
    title: Any
    states: tuple[str, ...]
    perform: Callable[[Mailing, datetime, Mapping[str, str]], bool]  # the last: POST data
    success_message: Callable[[Mailing], Any]
    is_applicable: Callable[[], bool] = lambda: True

    def is_open_to(self, mailing: Mailing) -> bool:
        return mailing.state in self.states and self.is_applicable()


@require_http_methods(["GET", "HEAD", "POST"])
def perform_action(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Confirm on GET. POST acts, or reports that it is too late."""
    found = get_object_or_404(Mailing.objects.select_related("issue"), pk=pk)
    chosen = ALL_ACTIONS[action]
    if request.method != "POST" and chosen.is_open_to(found):
        return _confirmation_page(request, found, action)
    try:
        is_posted = request.method == "POST"
        is_done = is_posted and chosen.is_applicable() and chosen.perform(found, timezone.now(), request.POST)
    except PlanningError as problem:
        messages.error(request, str(problem))
        return _confirmation_page(request, found, action)
    found.refresh_from_db()
    if is_done:
        messages.success(request, chosen.success_message(found))
        wake_workers()
    else:
        messages.warning(request, _too_late(found))
    return redirect("admin:mailing", pk)


def _confirmation_page(request: HttpRequest, found: Mailing, action: str) -> HttpResponse:
    """For "refreeze" it lists the parts of the new text that readers would not see."""
    context = {"title": ALL_ACTIONS[action].title, "mailing": found, "action": action, "counts": found.counts()}
    context["readers"] = reader_count(found, timezone.now())
    context |= {"provider": mailer_label(found.mailer), "other_provider": mailer_label(_other_mailer(found))}
    if action == "refreeze":
        context |= losses_context(losses(found.issue, freeze_letter(found.issue, found.note), found.note))
    return issue_page(request, "desk/mailing_ask.html", found.issue, context)


@require_http_methods(["GET", "HEAD", "POST"])
def move_mailing(request: HttpRequest, pk: int) -> HttpResponse:
    found, now = get_object_or_404(Mailing.objects.select_related("issue"), pk=pk), timezone.now()
    form = schedule_form(request, found.issue, now)
    if found.state != Mailing.State.SCHEDULED:
        messages.warning(request, _too_late(found))
        return redirect("admin:mailing", pk)
    if form.is_valid() and not (reasons := mailing_obstacles(found, form.send_at or form.earliest_at)):
        _reschedule(request, found, form.send_at or now)
        return redirect("admin:mailing", pk)
    for reason in reasons if form.is_bound and form.is_valid() else []:
        form.add_error(None, reason)
    context = {"title": _("Another time"), "mailing": found, "form": form, "now": now}
    return issue_page(request, "desk/mailing_move.html", found.issue, context)


def _reschedule(request: HttpRequest, found: Mailing, send_at: datetime) -> None:
    now = timezone.now()
    moved = approving.reschedule(found, send_at=send_at, now=now, hold=_hold())
    found.refresh_from_db()
    if moved:
        text = _("Moved. The first mail leaves on %(time)s; cancel before then and nobody gets it.")
        messages.success(request, text % {"time": long_moment(found.send_at)})
    else:
        messages.warning(request, _too_late(found))


def _too_late(found: Mailing) -> str:
    text = _("Nothing was changed: this mailing is %(state)s by now. Perhaps another tab was faster.")
    return text % {"state": found.get_state_display()}


def reader_count(found: Mailing, now: datetime) -> int:
    """How many readers a scheduled issue would go to now; 0 if it does not go to all."""
    is_to_all = found.kind == Mailing.Kind.ISSUE and not found.segment and found.state == Mailing.State.SCHEDULED
    if not is_to_all or found.issue.mailings.filter(planned_at__isnull=False).exists():
        return 0
    return cached_reader_counts(now).mailable


def _hold() -> timedelta:
    return approving.hold_duration(Publication.objects.current())


def _after_resuming(found: Mailing) -> str:
    if found.planned_at:
        return _("It goes on where it stopped. Nobody gets it twice.")
    return _("It is scheduled again. The first mail leaves on %(time)s.") % {"time": long_moment(found.send_at)}


def _after_cancelling(found: Mailing) -> str:
    counts = found.counts()
    left = counts.sent + counts.uncertain + counts.sending
    if not left:
        url = reverse("admin:issue_send", args=[found.issue_id])
        return format_html('{} <a href="{}">{}</a>', _("Cancelled. Nobody got it."), url, _("Schedule it again"))
    text = ngettext(
        "Cancelled. %(count)d reader has got it already; nobody else will.",
        "Cancelled. %(count)d readers have got it already; nobody else will.",
        left,
    )
    return text % {"count": left}


def _resume(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    if found.paused_by == Mailing.Cause.QUOTE:
        raise PlanningError(found.why_paused or found.reason)
    if reason := reach.obstacle(found.mailer):
        raise PlanningError(reason)
    return found.resume(now, _hold())


def _other_mailer(found: Mailing) -> str:
    return "default" if found.mailer == "bulk" else "bulk"


def mailer_label(alias: str) -> str:
    return history.provider_text(provider_label(settings.MAILERS[alias]))


def _has_two_providers() -> bool:
    return bool(settings.MAILERS["default"] != settings.MAILERS["bulk"])


def _switch_mailer(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    return found.switch(_other_mailer(found), provider_label(settings.MAILERS[_other_mailer(found)]))


def _after_switching(found: Mailing) -> str:
    return _("What has not left goes by %(provider)s once you resume.") % {"provider": mailer_label(found.mailer)}


_State = Mailing.State
ACTIONS = {  # in button order; "cancel" always comes first
    "cancel": Action(
        gettext_lazy("Cancel sending"),
        tuple(Mailing.OPEN_STATES),
        lambda found, now, _typed: found.cancel(now),
        _after_cancelling,
    ),
    "pause": Action(
        gettext_lazy("Pause"),
        (_State.SCHEDULED, _State.SENDING),
        lambda found, _now, _typed: found.pause(cause=Mailing.Cause.AUTHOR),
        lambda _found: _("Paused. No further mail leaves until you resume it."),
    ),
    "resume": Action(gettext_lazy("Resume"), (_State.PAUSED,), _resume, _after_resuming),
    "refreeze": Action(
        gettext_lazy("Use the current text"),
        (_State.SCHEDULED, _State.PAUSED),
        lambda found, now, typed: approving.refreeze(found, now=now, acknowledged=typed.get("acknowledged_digest", "")),
        lambda _found: _("The mailing carries the current text now."),
    ),
    "switch": Action(
        gettext_lazy("Use the other provider"), (_State.PAUSED,), _switch_mailer, _after_switching, _has_two_providers
    ),
}
AT_ONCE = "at_once"
SEND_AT_ONCE = Action(
    gettext_lazy("Don’t wait, send it now"),
    (_State.SCHEDULED,),
    lambda found, now, _typed: approving.end_hold(found, now=now),
    lambda _found: _("It is being sent. The first mail leaves within seconds."),
)
ALL_ACTIONS = ACTIONS | {AT_ONCE: SEND_AT_ONCE}


# --- Uncertain copies ---


ROWS_MAX = 50  # rows of one page
DECISIONS = {  # resolution, title, success message
    "sent": (
        Resolution.COUNT_AS_SENT,
        gettext_lazy("Count as sent?"),
        ngettext_lazy("%(count)d copy is counted as sent.", "%(count)d copies are counted as sent.", "count"),
    ),
    "again": (
        Resolution.SEND_AGAIN,
        gettext_lazy("Send again?"),
        ngettext_lazy("%(count)d copy will be sent once more.", "%(count)d copies will be sent once more.", "count"),
    ),
}


@require_http_methods(["GET", "HEAD", "POST"])
def decide_uncertain(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    if decision not in DECISIONS:
        raise Http404(decision)
    found = get_object_or_404(Mailing.objects.select_related("issue").defer("html", "text"), pk=pk)
    if request.method == "POST":
        _decide(request, found, decision)
        return redirect("admin:mailing", pk)
    context = _decision_context(request, found, decision)
    if not context["count"]:
        messages.warning(request, _("Choose at least one copy that is uncertain."))
        sees_list = request.user.has_perm("subscribers.see_readers")
        return redirect("admin:mailing_deliveries", pk, "uncertain") if sees_list else redirect("admin:mailing", pk)
    return issue_page(request, "desk/decide.html", found.issue, context)


def message_id_of(mailing: Mailing, seq: int) -> str:
    """The Message-ID of a copy in the provider's log, the same at each try."""
    return headers.message_id("issue", mailing.pk, seq, domain=mailing.sender_email.rpartition("@")[2])


def _decision_context(request: HttpRequest, found: Mailing, decision: str) -> dict[str, Any]:
    rows = [] if "all" in request.GET else _still_uncertain(found, _parse_rows(request.GET.getlist("row")))
    return {
        "title": DECISIONS[decision][1],
        "mailing": found,
        "decision": decision,
        "rows": [(row, message_id_of(found, row.seq)) for row in rows],
        "count": found.counts().uncertain if "all" in request.GET else len(rows),
        "seen": evidence.last_decision(found),
    }


def _parse_rows(values: list[str]) -> list[SeenRow]:
    """Parse the rows of the form, each as number:tries. Invalid ones are ignored."""
    pairs = (value.partition(":")[::2] for value in values[:ROWS_MAX])
    return [SeenRow(int(seq), int(tries)) for seq, tries in pairs if _is_number(seq) and _is_number(tries)]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _still_uncertain(found: Mailing, chosen: list[SeenRow]) -> list[Delivery]:
    wanted = Q(pk__in=[])
    for row in chosen:
        wanted |= Q(seq=row.seq, attempts=row.attempts)
    uncertain = found.deliveries.filter(wanted, state=Delivery.State.UNCERTAIN)
    return list(uncertain.select_related("subscriber").order_by("seq"))


def _decide(request: HttpRequest, found: Mailing, decision: str) -> None:
    known, _title, success_message = DECISIONS[decision]
    news = DeliveryReport(known, timezone.now(), evidence.COUNTED_REPLY if known is Resolution.COUNT_AS_SENT else "")
    seen = request.POST.get("seen", "")
    if _is_number(seen):
        moved = evidence.decide_all(found, news, seen=int(seen))
    else:
        moved = evidence.decide(found, _parse_rows(request.POST.getlist("row")), news)
    if not moved:
        messages.warning(request, _("Nothing was changed: these copies were decided before. Perhaps by another tab."))
        return
    wake_workers()
    messages.success(request, success_message % {"count": moved})


# --- Whether addresses are dead ---


@dataclass(frozen=True)
class AddressDecision:
    title: Any
    count: Callable[[Mailing], int]
    perform: Callable[[Mailing, datetime], int]
    success_message: Any


@require_http_methods(["GET", "HEAD", "POST"])
def judge_addresses(request: HttpRequest, pk: int, judgement: str) -> HttpResponse:
    if judgement not in ADDRESS_DECISIONS:
        raise Http404(judgement)
    found, chosen = get_object_or_404(Mailing.objects.select_related("issue"), pk=pk), ADDRESS_DECISIONS[judgement]
    if request.method == "POST" and (count := chosen.perform(found, timezone.now())):
        wake_workers()
        messages.success(request, chosen.success_message % {"count": count})
    elif request.method == "POST" or not (count := chosen.count(found)):
        messages.warning(request, _("Nothing was changed: this was decided before. Perhaps by another tab."))
    else:
        context = {"title": chosen.title, "mailing": found, "judgement": judgement, "count": count}
        return issue_page(request, "desk/judge.html", found.issue, context)
    return redirect("admin:mailing", pk)


ADDRESS_DECISIONS = {
    "believed": AddressDecision(
        gettext_lazy("Do these addresses not exist?"),
        rules.count_undecided_dead,
        rules.confirm_dead,
        ngettext_lazy("%(count)d address gets no mail any more.", "%(count)d addresses get no mail any more.", "count"),
    ),
    "doubted": AddressDecision(
        gettext_lazy("Was the mail server wrong?"),
        rules.count_dead,
        rules.retry_dead,
        ngettext_lazy("%(count)d address counts as good again.", "%(count)d addresses count as good again.", "count"),
    ),
}


# --- The public list of changes ---


@require_http_methods(["GET", "HEAD", "POST"])
def withhold_text(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a reason; POST hides the text from the public changes, or shows it again, and logs that."""
    found = get_object_or_404(Mailing.objects.select_related("issue").defer("html", "text"), pk=pk)
    if not changes.can_be_withheld(found):
        messages.warning(request, _("What is not sent yet is not in the public list."))
        return redirect("admin:mailing", pk)
    is_out = found.content_hash in changes.withheld_texts(found.issue)
    form = WithholdForm(request.POST or None, initial={"wanted": "show" if is_out else "withhold"})
    if form.is_valid():
        _set_text_visibility(request, found, form.cleaned_data["wanted"], form.cleaned_data["reason"])
        return redirect("admin:mailing", pk)
    title = _("Show this text again") if is_out else _("Take this text out")
    context = {"title": title, "mailing": found, "form": form, "is_out": is_out}
    return issue_page(request, "desk/public_text.html", found.issue, context)


def _set_text_visibility(request: HttpRequest, found: Mailing, wanted: str, reason: str) -> None:
    set_visibility = changes.withhold if wanted == "withhold" else changes.show_again
    if not set_visibility(found, reason, timezone.now()):
        messages.warning(request, _("Nothing was changed: it was done before, perhaps in another tab."))
    elif wanted == "withhold":
        messages.success(request, _("Readers are not shown this text any more, only that and when it was taken out."))
    else:
        messages.success(request, _("Readers are shown this text again."))


# --- After a restore ---


RESTORE_CHOICES: dict[str, Callable[[datetime], object]] = {
    "count": restore_detection.count_as_sent,
    "go_on": restore_detection.resume_sending,
    "cancel": restore_detection.cancel_open_mailings,
}


@require_http_methods(["GET", "HEAD", "POST"])
def decide_restored(request: HttpRequest) -> HttpResponse:
    """Show what is known of a database that may lack copies. POST decides, and sending resumes."""
    if request.method == "POST" and (choice := RESTORE_CHOICES.get(request.POST.get("choice", ""))):
        choice(timezone.now())
        wake_workers()
        messages.success(request, _("Sending goes on as you have decided."))
        return redirect("admin:index")
    context = admin.site.each_context(request) | _known_of_restored() | {"title": _("Before sending goes on")}
    return render(request, "desk/restored.html", context)


def _known_of_restored() -> dict[str, Any]:
    found = Restoration.undecided()
    return {
        "restorations": found,
        "is_backup": found.exclude(made_at=None, departures=0, records=[]).exists(),
        "seen_at": LedgerPlace.objects.values_list("seen_at", flat=True).first(),
        **found.aggregate(departures=Sum("departures", default=0), made_at=Max("made_at")),
        "copies": restore_detection.count_forgotten(),
        "mailings": Mailing.objects.open().select_related("issue").defer("html", "text"),
    }
