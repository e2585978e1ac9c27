"""What the author can do to a mailing, and decide about its copies: GET asks whether it is meant, POST acts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Max, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from newsletter.delivery.events import rules
from newsletter.delivery.ledger import restored
from newsletter.delivery.ledger import uncertain as evidence
from newsletter.delivery.ledger.uncertain import Evidence, Known, Seen
from newsletter.delivery.letter.losses import losses
from newsletter.delivery.letter.rendering import freeze
from newsletter.delivery.models import Delivery, Mailing
from newsletter.delivery.models.deliveries import Restoration
from newsletter.delivery.planning import approving
from newsletter.delivery.planning.approving import PlanningError, obstacles_of
from newsletter.delivery.readers import changes
from newsletter.desk.forms import ReasonForm
from newsletter.desk.issues import audit
from newsletter.desk.issues.composer import in_question, in_words, page, wake_up
from newsletter.desk.issues.scheduling import when_form
from newsletter.mail import headers
from newsletter.mail.mailers import provider_name
from newsletter.publication.models import Publication
from subscribers.models import kept_tally


@dataclass(frozen=True)
class Action:
    title: Any
    states: tuple[str, ...]
    do: Callable[[Mailing, datetime, Mapping[str, str]], bool]  # the last: what was sent with the press
    report: Callable[[Mailing], Any]
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


def _resume(found: Mailing, now: datetime, typed: Mapping[str, str]) -> bool:
    if found.paused_by == Mailing.Cause.QUOTE:
        raise PlanningError(found.why_paused or found.reason)
    return found.resume(now, _hold())


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
        lambda found, now, typed: approving.refreeze(found, now=now, acknowledged=typed.get("unshown", "")),
        lambda _found: _("The mailing carries the current text now."),
    ),
    "switch": Action(
        gettext_lazy("Use the other provider"), (_State.PAUSED,), _switch, _after_switching, _has_two_providers
    ),
    "cancel": Action(
        gettext_lazy("Cancel sending"),
        tuple(Mailing.OPEN_STATES),
        lambda found, now, _typed: found.cancel(now),
        _after_cancelling,
    ),
}
AT_ONCE = "at_once"
WITHOUT_WAITING = Action(
    gettext_lazy("Don’t wait, send it now"),
    (_State.SCHEDULED,),
    lambda found, now, _typed: approving.end_hold(found, now=now),
    lambda _found: _("It is being sent. The first mail leaves within seconds."),
)
ALL_ACTIONS = ACTIONS | {AT_ONCE: WITHOUT_WAITING}


# --- Uncertain copies ---


CHOICES_MAX = 50  # rows of one page
DECISIONS = {"sent": Known.COUNTED, "again": Known.AGAIN}
TITLES = {"sent": gettext_lazy("Count as sent?"), "again": gettext_lazy("Send again?")}


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    if decision not in DECISIONS:
        raise Http404(decision)
    found = get_object_or_404(Mailing.objects.select_related("issue").defer("html", "text"), pk=pk)
    if request.method == "POST":
        _decide(request, found, decision)
        return redirect("admin:mailing", pk)
    context = _question(request, found, decision)
    if not context["count"]:
        messages.warning(request, _("Choose at least one copy that is uncertain."))
        sees_list = request.user.has_perm("subscribers.see_readers")
        return redirect("admin:mailing_deliveries", pk, "uncertain") if sees_list else redirect("admin:mailing", pk)
    return page(request, "desk/decide.html", found.issue, context)


def message_id_of(mailing: Mailing, seq: int) -> str:
    """Return what the provider's log calls a copy, whichever try it was."""
    return headers.message_id("issue", mailing.pk, seq, domain=mailing.sender_email.rpartition("@")[2])


def _question(request: HttpRequest, found: Mailing, decision: str) -> dict[str, Any]:
    rows = [] if "all" in request.GET else _as_seen(found, _chosen(request.GET.getlist("row")))
    return {
        "title": TITLES[decision],
        "mailing": found,
        "decision": decision,
        "rows": [(row, message_id_of(found, row.seq)) for row in rows],
        "count": found.counts().uncertain if "all" in request.GET else len(rows),
        "seen": evidence.last_decision(found),
    }


def _chosen(values: list[str]) -> list[Seen]:
    """Read the rows of a form, each as number:tries; what cannot be read was not chosen."""
    pairs = (value.partition(":")[::2] for value in values[:CHOICES_MAX])
    return [Seen(int(seq), int(tries)) for seq, tries in pairs if _is_number(seq) and _is_number(tries)]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _as_seen(found: Mailing, chosen: list[Seen]) -> list[Delivery]:
    wanted = Q(pk__in=[])
    for row in chosen:
        wanted |= Q(seq=row.seq, attempts=row.attempts)
    uncertain = found.deliveries.filter(wanted, state=Delivery.State.UNCERTAIN)
    return list(uncertain.select_related("subscriber").order_by("seq"))


def _decide(request: HttpRequest, found: Mailing, decision: str) -> None:
    known = DECISIONS[decision]
    news = Evidence(known, timezone.now(), evidence.COUNTED_WORDS if known is Known.COUNTED else "")
    seen = request.POST.get("seen", "")
    if _is_number(seen):
        moved = evidence.decide_all(found, news, seen=int(seen))
    else:
        moved = evidence.decide(found, _chosen(request.POST.getlist("row")), news)
    if not moved:
        messages.warning(request, _("Nothing was changed: these copies were decided before. Perhaps by another tab."))
        return
    wake_up()
    messages.success(request, _message(known, moved) % {"count": moved})


def _message(known: Known, moved: int) -> str:
    if known is Known.COUNTED:
        return ngettext("%(count)d copy is counted as sent.", "%(count)d copies are counted as sent.", moved)
    return ngettext("%(count)d copy will be sent once more.", "%(count)d copies will be sent once more.", moved)


# --- Whether addresses are dead ---


@dataclass(frozen=True)
class Judgement:
    title: Any
    count: Callable[[Mailing], int]
    do: Callable[[Mailing, datetime], int]
    report: Callable[[int], str]


@require_http_methods(["GET", "HEAD", "POST"])
def judge(request: HttpRequest, pk: int, judgement: str) -> HttpResponse:
    if judgement not in JUDGEMENTS:
        raise Http404(judgement)
    found, wish = get_object_or_404(Mailing.objects.select_related("issue"), pk=pk), JUDGEMENTS[judgement]
    if request.method == "POST" and (count := wish.do(found, timezone.now())):
        wake_up()
        messages.success(request, wish.report(count) % {"count": count})
    elif request.method == "POST" or not (count := wish.count(found)):
        messages.warning(request, _("Nothing was changed: this was decided before. Perhaps by another tab."))
    else:
        context = {"title": wish.title, "mailing": found, "judgement": judgement, "count": count}
        return page(request, "desk/judge.html", found.issue, context)
    return redirect("admin:mailing", pk)


def _suppressed(count: int) -> str:
    return ngettext("%(count)d address gets no mail any more.", "%(count)d addresses get no mail any more.", count)


def _tried_again(count: int) -> str:
    return ngettext("%(count)d address counts as good again.", "%(count)d addresses count as good again.", count)


JUDGEMENTS = {
    "believed": Judgement(gettext_lazy("Do these addresses not exist?"), rules.in_question, rules.believe, _suppressed),
    "doubted": Judgement(gettext_lazy("Was the mail server wrong?"), rules.called_dead, rules.doubt, _tried_again),
}


# --- The public list of changes ---


@require_http_methods(["GET", "HEAD", "POST"])
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a reason; on POST take the text out of the list, or put it back, and write that down."""
    found = get_object_or_404(Mailing.objects.select_related("issue").defer("html", "text"), pk=pk)
    if not changes.can_be_withheld(found):
        messages.warning(request, _("What is not sent yet is not in the public list."))
        return redirect("admin:mailing", pk)
    is_out = found.content_hash in changes.withheld(found.issue)
    form = ReasonForm(request.POST or None, initial={"wanted": "show" if is_out else "withhold"})
    if form.is_valid():
        _switch_text(request, found, form.cleaned_data["wanted"], form.cleaned_data["reason"])
        return redirect("admin:mailing", pk)
    title = _("Show this text again") if is_out else _("Take this text out")
    context = {"title": title, "mailing": found, "form": form, "is_out": is_out}
    return page(request, "desk/public_text.html", found.issue, context)


def _switch_text(request: HttpRequest, found: Mailing, wanted: str, reason: str) -> None:
    act = changes.withhold if wanted == "withhold" else changes.show_again
    if not act(found, reason, timezone.now()):
        messages.warning(request, _("Nothing was changed: it was done before, perhaps in another tab."))
    elif wanted == "withhold":
        messages.success(request, _("Readers are not shown this text any more, only that and when it was taken out."))
    else:
        messages.success(request, _("Readers are shown this text again."))


# --- After a restore ---


RESTORED: dict[str, Callable[[datetime], object]] = {
    "count": restored.count,
    "go_on": restored.go_on,
    "cancel": restored.cancel,
}


@require_http_methods(["GET", "HEAD", "POST"])
def decide_restored(request: HttpRequest) -> HttpResponse:
    """Show what is missing; one POST decides, and sending goes on."""
    if request.method == "POST" and (choice := RESTORED.get(request.POST.get("choice", ""))):
        choice(timezone.now())
        wake_up()
        messages.success(request, _("Sending goes on as you have decided."))
        return redirect("admin:index")
    found = Restoration.undecided()
    context = admin.site.each_context(request) | {
        "title": _("After a restore"),
        "restorations": found,
        **found.aggregate(departures=Sum("departures", default=0), made_at=Max("made_at")),
        "copies": restored.known_copies(),
        "mailings": Mailing.objects.open().select_related("issue").defer("html", "text"),
    }
    return render(request, "desk/restored.html", context)
