"""The health of the list: who can be reached, and what came back of the last issues."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from newsletter.delivery.events import hygiene
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
    context = {
        "title": _("List health"),
        "standing": standing,
        "reasons": [
            (reason.label, standing.suppressed[reason])
            for reason in Suppression.Reason
            if reason in standing.suppressed
        ],
        "may_bar": request.user.has_perms(("subscribers.change_subscriber", rights.BAR)),
        "issues": hygiene.by_issue(mailings),
        "came_back_columns": CAME_BACK,
        "domains": [_row(one) for one in hygiene.by_domain(mailings)],
        "domain_columns": COLUMNS,
        "unknown": hygiene.not_understood() if roles.is_owner(request.user) else [],
    }
    return render(request, "desk/readers/health.html", admin.site.each_context(request) | context)


def _row(came: hygiene.Came) -> dict[str, Any]:
    """Return a receiving domain as desk/_domains.html shows it."""
    counts = zip(COLUMNS, (came.sent, came.gone, came.full, came.refused), strict=True)
    cells = [{"label": label, "shown": "–" if count is None else f"{count:,}"} for label, count in counts]
    return {"name": came.name, "cells": cells}
