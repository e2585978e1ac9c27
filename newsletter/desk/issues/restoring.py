"""After a restore: what the database has forgotten, and the author's decision how sending goes on."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import admin, messages
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from newsletter.delivery.ledger import restored
from newsletter.delivery.models import Mailing
from newsletter.delivery.models.deliveries import Restoration
from newsletter.desk.issues.composer import wake_up

CHOICES: dict[str, Callable[[datetime], object]] = {
    "count": restored.count,
    "go_on": restored.go_on,
    "cancel": restored.cancel,
}


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest) -> HttpResponse:
    """Show what is missing; one POST decides, and sending goes on."""
    if request.method == "POST" and (choice := CHOICES.get(request.POST.get("choice", ""))):
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
