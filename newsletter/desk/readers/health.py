"""List health and growth: reachable addresses, bounces, and sources of new readers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from newsletter.delivery.events import list_health
from newsletter.delivery.models import InboundMessage
from newsletter.desk import permissions
from newsletter.desk.chart import Chart, bar_chart
from newsletter.operation.accounts import roles
from newsletter.posts.models import Post
from newsletter.publication.models import Publication
from subscribers import growth as counts
from subscribers.exporting import csv_download_response, csv_table
from subscribers.growth import SourceGrowth
from subscribers.models import Suppression

BOUNCE_LABELS = [gettext_lazy("No such address"), gettext_lazy("Takes no mail now"), gettext_lazy("Refuses us")]
DOMAIN_LABELS = [gettext_lazy("Sent"), *BOUNCE_LABELS]


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    mailings = list_health.recent_issue_mailings()
    standing = list_health.address_stats(timezone.now())
    may_bar = request.user.has_perms(("subscribers.change_subscriber", permissions.SUPPRESS))
    context = {
        "title": _("List health"),
        "standing": standing,
        "reasons": [
            (reason.label, standing.suppressed[reason])
            for reason in Suppression.Reason
            if reason in standing.suppressed
        ],
        "may_bar": may_bar,
        "issues": list_health.stats_by_issue(mailings),
        "bounce_columns": BOUNCE_LABELS,
        "domains": [_domain_row(one) for one in list_health.stats_by_domain(mailings)],
        "domain_columns": DOMAIN_LABELS,
        "unproven": list_health.with_beginning(InboundMessage.objects.unproven()) if may_bar else [],
        "unknown": list_health.unparsed_messages() if roles.is_owner(request.user) else [],
    }
    return render(request, "desk/readers/health.html", admin.site.each_context(request) | context)


@require_POST
def accept_unproven(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept a mail without proof of its origin; the next worker applies it."""
    if InboundMessage.objects.filter(pk=pk).accept_unproven():
        messages.success(request, _("It is taken as proven. What it says is applied within a minute."))
    return redirect("admin:reader_health")


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    one = request.POST.get("mail", "")
    count = (InboundMessage.objects.filter(pk=int(one)) if one.isdecimal() else InboundMessage.objects.all()).dismiss()
    messages.success(
        request, ngettext("%(count)d mail was dismissed.", "%(count)d mails were dismissed.", count) % {"count": count}
    )
    return redirect("admin:reader_health")


def _domain_row(stats: list_health.BounceStats) -> dict[str, Any]:
    columns = zip(DOMAIN_LABELS, (stats.sent, stats.hard, stats.soft, stats.policy), strict=True)
    cells = [{"label": label, "count": count} for label, count in columns]
    return {"name": stats.name, "cells": cells}


CSV_COLUMNS = ("from", "kind", "source", "came", "came_a_quarter_ago", "still_read_after_a_quarter")
SHARE_READERS_MIN = 20  # readers; no percentage below


@dataclass(frozen=True)
class GrowthRow:
    """share: percentage that stayed, of those who came a quarter ago; None if they are too few."""

    label: str
    kind: str
    url: str
    came: int
    chart: Chart
    settled: int
    stayed: int

    @property
    def share(self) -> int | None:
        return round(100 * self.stayed / self.settled) if self.settled >= SHARE_READERS_MIN else None


@require_safe
def growth(request: HttpRequest) -> HttpResponse:
    by = _by(request)
    found = counts.load_growth(_today(), by)
    titles = _titles(found.sources)
    context = {
        "title": _("Growth"),
        "by": by,
        "rows": [_row(one, titles) for one in found.sources],
        "more": found.more,
        "periods": list(zip(found.begins, found.came, strict=True)) if found.sources else [],
        "few": SHARE_READERS_MIN,
    }
    return render(request, "desk/readers/growth.html", admin.site.each_context(request) | context)


@require_safe
def growth_csv(request: HttpRequest) -> StreamingHttpResponse:
    by = _by(request)
    return csv_download_response(csv_table(CSV_COLUMNS, counts.growth_table(_today(), by)), f"growth-by-{by}.csv")


def _by(request: HttpRequest) -> str:
    return "month" if request.GET.get("by") == "month" else "week"


def _today() -> date:
    return timezone.now().astimezone(Publication.objects.current().zone).date()


def _titles(sources: Iterable[SourceGrowth]) -> dict[str, str]:
    keys = {number: one.name for one in sources if (number := _number(one, "p"))}
    return {keys[str(pk)]: title for pk, title in Post.objects.filter(pk__in=keys).values_list("pk", "title")}


def _row(one: SourceGrowth, titles: dict[str, str]) -> GrowthRow:
    issue = _number(one, "issues")
    label = _("Issue %(number)s") % {"number": issue} if issue else titles.get(one.name) or one.label
    kind = str(counts.SOURCE_LABELS.get(one.kind, "")) if one.name else ""
    url = one.name if one.kind == "page" else ""
    return GrowthRow(label, kind, url, one.in_all, bar_chart(one.came), one.settled, one.stayed)


def _number(one: SourceGrowth, folder: str) -> str:
    """The number in a path such as /p/128/, whose folder is p; "" of any other source."""
    parts = one.name.split("/")
    is_one = one.kind == "page" and parts[1:2] == [folder] and len(parts) == 4 and not parts[3]
    return parts[2] if is_one and parts[2].isdecimal() else ""
