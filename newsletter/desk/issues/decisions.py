"""What the author decides: what became of uncertain copies, and whether refused addresses are dead.

GET asks, POST acts. Uncertain copies are decided some of a page, or all together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from newsletter.delivery.events import suppressing
from newsletter.delivery.ledger import uncertain as evidence
from newsletter.delivery.ledger.uncertain import Evidence, Known, Seen
from newsletter.delivery.models import Delivery, Mailing
from newsletter.desk.issues.composer import page, wake_up
from newsletter.mail import headers

CHOICES_MAX = 50  # rows of one page
DECISIONS = {"sent": Known.COUNTED, "again": Known.AGAIN}
TITLES = {"sent": gettext_lazy("Count as sent?"), "again": gettext_lazy("Send again?")}


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    """Say what a decision means for the rows in question; on POST decide."""
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
    """What the author may say of addresses that a server called dead."""

    title: Any
    count: Callable[[Mailing], int]
    do: Callable[[Mailing, datetime], int]
    report: Callable[[int], str]


@require_http_methods(["GET", "HEAD", "POST"])
def judge(request: HttpRequest, pk: int, judgement: str) -> HttpResponse:
    """Say what it means to believe a server that calls addresses dead, or not; on POST do it."""
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
    "believed": Judgement(
        gettext_lazy("Do these addresses not exist?"), suppressing.in_question, suppressing.believe, _suppressed
    ),
    "doubted": Judgement(
        gettext_lazy("Was the mail server wrong?"), suppressing.called_dead, suppressing.doubt, _tried_again
    ),
}
