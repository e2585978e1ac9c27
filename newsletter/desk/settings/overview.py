"""The overview of the settings, the log of changes, and the advanced page for owners."""

from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_safe

from newsletter.background.machines import program_states
from newsletter.delivery.models import Mailing
from newsletter.desk import navigation, permissions
from newsletter.desk.models import Errand
from newsletter.operation import backup_findings
from newsletter.operation.accounts import roles, second_factors
from newsletter.operation.machine_findings import program_name, skew_text
from newsletter.publication.audit import PER_PAGE, AuditedAdmin, HistoryEntry, actor_text
from newsletter.publication.changes import Change
from newsletter.publication.models import Publication

PAGE_HINTS: dict[str, Promise] = {
    "admin:settings_newcomers": gettext_lazy("How they sign up, and how they are greeted"),
    "admin:settings_words": gettext_lazy("Your terms, and what the format check looks for"),
    "admin:settings_feeds": gettext_lazy("What AI crawlers may read"),
    "admin:settings_menu": gettext_lazy("What the head of the site leads to"),
    "posts.redirect": gettext_lazy("Where the addresses of your old site lead"),
    "admin:move_in": gettext_lazy("Bring posts from Ghost, Substack, WordPress and others"),
    "admin:webhooks": gettext_lazy("Other programs that learn what happens here"),
    "auth.user": gettext_lazy("Who writes, who sends, who looks after readers"),
    "api.token": gettext_lazy("Programs that write or read for you"),
    "admin:settings_record": gettext_lazy("Who has changed what, and when"),
}


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    about = PAGE_HINTS | _current_values(request, Publication.objects.current())
    pages = navigation.page_links(navigation.SETTINGS, request, admin.site)
    halves = navigation.split_rare(pages)
    often, rare = ([{"page": page, "about": about[page.name]} for page in half] for half in halves)
    context = {"title": navigation.SECTION_LABELS[navigation.SETTINGS], "often": often, "rare": rare}
    if roles.is_owner(request.user):
        last_backup = backup_findings.last_backup(timezone.now())
        context |= {"is_owner": True, "has_backup_url": bool(settings.BACKUP_URL), "last_backup": last_backup}
    return render(request, "desk/settings/overview.html", admin.site.each_context(request) | context)


def _current_values(request: HttpRequest, publication: Publication) -> dict[str, Any]:
    return {
        "admin:settings_letter": publication.name,
        "admin:settings_look": publication.get_theme_display(),
        "admin:settings_sender": publication.sender_email,
        "admin:settings_rhythm": f"{publication.rhythm_text} {publication.cadence_at:%H:%M}",
        "admin:account": gettext_lazy("second factor")
        if second_factors.has_second_factor(cast("User", request.user))
        else gettext_lazy("password alone"),
    }


@require_safe
def advanced(request: HttpRequest) -> HttpResponse:
    if not roles.is_owner(request.user):
        raise PermissionDenied(permissions.MANAGE_ACCOUNTS)
    context = {"title": gettext_lazy("Advanced"), "app_list": admin.site.get_app_list(request)}
    return render(request, "desk/settings/advanced.html", admin.site.each_context(request) | context)


@require_safe
def machines(request: HttpRequest) -> HttpResponse:
    if not roles.is_owner(request.user):
        raise PermissionDenied(permissions.MANAGE_ACCOUNTS)
    programs = [(program_name(state), state, skew_text(state.row.clock_ahead)) for state in program_states()]
    context = {"title": gettext_lazy("Machines"), "programs": programs}
    return render(request, "desk/settings/machines.html", admin.site.each_context(request) | context)


SEARCH_LENGTH_MAX = 200  # characters, as many as a title has


@require_safe
def record(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("q", "").strip()[:SEARCH_LENGTH_MAX]
    page = Paginator(_found(asked), PER_PAGE).get_page(request.GET.get("p", 1))
    context = {
        "title": pgettext("settings", "Record"),
        "asked": asked,
        "page": page,
        "entries": [_entry(change) for change in page.object_list],
    }
    return render(request, "desk/settings/record.html", admin.site.each_context(request) | context)


def _found(asked: str) -> QuerySet[Change]:
    changes = Change.objects.order_by("-pk")
    return changes.filter(Q(title__icontains=asked) | Q(by__icontains=asked)) if asked else changes


def _entry(change: Change) -> HistoryEntry:
    if change.about == Errand._meta.label_lower:  # the title says it all
        return HistoryEntry(change.at, change.title, change.by)
    if change.about == Mailing._meta.label_lower:
        return HistoryEntry(
            change.at, _("Mailing scheduled: %(issue)s") % change.detail, actor_text(change.by, change.via)
        )
    options = navigation.model_admin_of(change.about, admin.site)
    if not isinstance(options, AuditedAdmin):  # a model that does not exist any more
        return HistoryEntry(
            change.at, _("%(title)s: %(what)s") % {"title": change.title, "what": change.get_what_display()}, change.by
        )
    entry = options.entry_of(change)
    words = {"kind": options.opts.verbose_name, "title": change.title, "what": entry.text}
    what = _("%(kind)s “%(title)s”: %(what)s") % words
    return HistoryEntry(entry.at, what, entry.actor, entry.details)
