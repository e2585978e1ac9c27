"""The health of the list: who can be reached, what came back of the last issues, and what proves nothing."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from newsletter.delivery.events import hygiene
from newsletter.delivery.models import Arrival
from newsletter.desk import rights
from newsletter.operation.accounts import roles
from subscribers.models import Suppression

CAME_BACK = [gettext_lazy("No such address"), gettext_lazy("Takes no mail now"), gettext_lazy("Refuses us")]
COLUMNS = [gettext_lazy("Sent"), *CAME_BACK]


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Show who can be reached, what came back by issue and by domain, and to owners what was not understood."""
    mailings = hygiene.last_mailings()
    standing = hygiene.standing(timezone.now())
    may_bar = request.user.has_perms(("subscribers.change_subscriber", rights.BAR))
    context = {
        "title": _("List health"),
        "standing": standing,
        "reasons": [
            (reason.label, standing.suppressed[reason])
            for reason in Suppression.Reason
            if reason in standing.suppressed
        ],
        "may_bar": may_bar,
        "issues": hygiene.by_issue(mailings),
        "came_back_columns": CAME_BACK,
        "domains": [_row(one) for one in hygiene.by_domain(mailings)],
        "domain_columns": COLUMNS,
        "unproven": hygiene.unproven() if may_bar else [],
        "unknown": hygiene.not_understood() if roles.is_owner(request.user) else [],
    }
    return render(request, "desk/readers/health.html", admin.site.each_context(request) | context)


@require_POST
def believe(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a mail that proves nothing as proven: what it says is applied by the next worker."""
    if Arrival.objects.filter(pk=pk).take_as_proven():
        messages.success(request, _("It is taken as proven. What it says is applied within a minute."))
    return redirect("admin:reader_health")


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Let nothing follow from one mail that proves nothing, or from all of them."""
    one = request.POST.get("mail", "")
    count = (Arrival.objects.filter(pk=int(one)) if one.isdecimal() else Arrival.objects.all()).dismiss()
    messages.success(
        request, ngettext("%(count)d mail was dismissed.", "%(count)d mails were dismissed.", count) % {"count": count}
    )
    return redirect("admin:reader_health")


def _row(came: hygiene.Came) -> dict[str, Any]:
    """Return a receiving domain as desk/_domains.html shows it."""
    counts = zip(COLUMNS, (came.sent, came.gone, came.full, came.refused), strict=True)
    cells = [{"label": label, "shown": "–" if count is None else f"{count:,}"} for label, count in counts]
    return {"name": came.name, "cells": cells}
