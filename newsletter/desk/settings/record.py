"""The record of the desk: what was done to posts, issues and the settings, by whom, and from where. Nobody edits it.

Of a mailing it has the beginning, whoever began it and from where; the page of the issue has every step.
"""

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from newsletter.delivery.models import Mailing
from newsletter.desk.models import Errand
from newsletter.publication.audit import PER_PAGE, AuditedAdmin, Entry, who
from newsletter.publication.changes import Change

SEARCH_LENGTH_MAX = 200  # characters, as many as a title has


@require_safe
def record(request: HttpRequest) -> HttpResponse:
    """Show what was done, newest first; `q` is part of a title or of a name."""
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


def _entry(change: Change) -> Entry:
    """Return a line that says what it was done to, in the words of that room's own history."""
    options = next((one for one in admin.site._registry.values() if one.opts.label_lower == change.about), None)
    if change.about == Errand._meta.label_lower:  # what was done to readers says all by its title
        return Entry(change.at, change.title, change.by)
    if change.about == Mailing._meta.label_lower:
        return Entry(change.at, _("Mailing scheduled: %(issue)s") % change.detail, who(change.by, change.via))
    if not isinstance(options, AuditedAdmin):  # a kind that this version does not know any more
        return Entry(
            change.at, _("%(title)s: %(what)s") % {"title": change.title, "what": change.get_what_display()}, change.by
        )
    entry = options.entry_of(change)
    words = {"kind": options.opts.verbose_name, "title": change.title, "what": entry.what}
    what = _("%(kind)s “%(title)s”: %(what)s") % words
    return Entry(entry.at, what, entry.who, entry.details)
