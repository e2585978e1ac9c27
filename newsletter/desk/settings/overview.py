"""What the word for settings leads to: its pages, each with what is set now, and what only owners need."""

from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_safe

from newsletter.desk import chart, frame, rights
from newsletter.operation import backups
from newsletter.operation.accounts import factors, roles
from newsletter.publication.models import Publication

ABOUT: dict[str, Promise] = {
    "admin:settings_letter": _("Name, promise, author, language and time zone"),
    "admin:settings_look": _("How the site and the mails look, their colour and their logo"),
    "admin:settings_sender": _("From whom the mails come, and where replies go"),
    "admin:settings_rhythm": _("How often an issue leaves, and how long it can be stopped"),
    "admin:settings_newcomers": _("How they sign up, and how they are greeted"),
    "admin:settings_words": _("Your terms, and what the format check looks for"),
    "admin:settings_feeds": _("What programs are told that read by themselves"),
    "posts.redirect": _("Where the addresses of your old site lead"),
    "admin:move_in": _("Posts of Ghost, Substack, WordPress and others, with all that belongs to them"),
    "admin:webhooks": _("Programs of others that are told what happens here"),
    "auth.user": _("Who writes, who sends, who looks after readers"),
    "api.token": _("Programs that write or read for you"),
    "admin:account": _("Your password, second factor, and where you are logged in"),
    "admin:settings_record": _("Who has changed what, and when"),
}


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show the pages of the settings that the user may open, with what is set on each."""
    now = _now(request, Publication.objects.current())
    pages = frame.under(frame.SETTINGS, request, admin.site)
    rows = [{"page": page, "about": ABOUT[page.name], "now": now.get(page.name, "")} for page in pages]
    context = {"title": frame.LABELS[frame.SETTINGS], "rows": rows, "is_owner": roles.is_owner(request.user)}
    if context["is_owner"]:
        context |= {"is_backed_up": bool(settings.BACKUP_URL), "backup": backups.last(timezone.now())}
    return render(request, "desk/settings/overview.html", admin.site.each_context(request) | context)


def _now(request: HttpRequest, publication: Publication) -> dict[str, Any]:
    """Return in a few words what is set on each page, for those that have something to say."""
    days = publication.cadence_days
    every = ngettext("every day", "every %(days)s days", days) % {"days": days}
    return {
        "admin:settings_letter": publication.name,
        "admin:settings_look": publication.get_theme_display(),
        "admin:settings_sender": publication.sender_email,
        "admin:settings_rhythm": f"{every} {publication.cadence_at:%H:%M}",
        "admin:account": _("second factor") if factors.has_any(cast("User", request.user)) else _("password alone"),
    }


@require_safe
def advanced(request: HttpRequest) -> HttpResponse:
    """List the tables of the admin, for owners."""
    if not roles.is_owner(request.user):
        raise PermissionDenied(rights.MANAGE_ACCOUNTS)
    context = {"title": _("Advanced"), "app_list": admin.site.get_app_list(request), "shows_parts": settings.DEBUG}
    return render(request, "desk/settings/advanced.html", admin.site.each_context(request) | context)


@require_safe
def parts(request: HttpRequest) -> HttpResponse:
    """Show every component of the desk, by day and by night, to those who work on it: 404 unless DEBUG is on."""
    if not settings.DEBUG:
        raise Http404
    context: dict[str, Any] = {
        "title": pgettext("desk", "Parts"),
        "schemes": ("light", "dark"),
        "sample_at": timezone.now(),
    }
    context |= {"line": chart.line(range(12)), "bars": chart.bars(range(7))}
    return render(request, "desk/settings/parts.html", admin.site.each_context(request) | context)
