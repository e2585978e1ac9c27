"""The admin of readers: their list, and the page of one with deliveries and timeline."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsletter.desk import permissions
from newsletter.desk.jobs import selection
from newsletter.desk.jobs.selection import FILTERS_BY_PARAMETER
from newsletter.desk.models import Errand
from newsletter.desk.readers import bulk_actions, reader_actions, timeline
from newsletter.desk.readers.reader_actions import BULK_FORMS, NoteForm
from subscribers.admin import SubscriberAdmin
from subscribers.models import Subscriber
from subscribers.reader_lists import LIST_FILTERS, ListFilter, Options

PERMISSION_VERBS: dict[str, str] = {Errand.Kind.EXPORT: "export", Errand.Kind.SUPPRESS: "bar"}


def bulk_action(kind: str) -> Any:
    """An admin action that only redirects to the confirmation page."""

    @admin.action(description=Errand.Kind(kind).label, permissions=[PERMISSION_VERBS.get(kind, "change")])
    def lead(_admin: Any, request: HttpRequest, _readers: Any) -> HttpResponse:
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        line = (
            bulk_actions.query_for_all(request.GET)
            if request.POST.get("select_across") == "1"
            else bulk_actions.query_for_ticked(ticked)
        )
        return redirect(f"{reverse('admin:reader_bulk', args=[kind])}?{line}")

    lead.__name__ = f"bulk_{kind}"
    return lead


class CopiesField(ListFilter):
    filters = FILTERS_BY_PARAMETER
    title, parameter_name = _("copies"), "copies"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        last = selection.last_sent()
        if last is None:  # none was sent, or its deliveries are deleted
            return []
        return [(selection.NONE_OF_LAST, _("none of %(issue)s") % {"issue": last.issue})]

    def has_output(self) -> bool:
        return bool(self.lookup_choices or self.value())


class ReadersAdmin(SubscriberAdmin):
    list_filter = (*LIST_FILTERS, CopiesField)
    actions = (*(bulk_action(kind) for kind in BULK_FORMS), "erase")
    change_form_template = "admin/subscribers/reader.html"

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(permissions.EXPORT_READERS)

    def has_bar_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(permissions.SUPPRESS)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = {"query_for_all": bulk_actions.query_for_all(request.GET)}
        return super().changelist_view(request, shown | (extra_context or {}))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        reader = self.get_object(request, object_id) if request.method != "POST" else None
        shown = self._story(request, reader) if reader and self.has_view_permission(request, reader) else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def _story(self, request: HttpRequest, reader: Subscriber) -> dict[str, Any]:
        before = timeline.TimelineCursor.parse(request.GET.get("before", ""))
        sees_copies = request.user.has_perm("delivery.view_mailing")
        lines, following = timeline.timeline_page(reader, before, with_copies=sees_copies)
        is_first = before is None
        may_act = is_first and self.has_change_permission(request, reader)
        offers = list(reader_actions.offered_actions(reader, request.user)) if may_act else []
        return {
            "title": reader.name or str(reader),
            "state": self.state_now(reader),
            "joined": self.joined(reader),
            "offers": offers,
            "story": lines,
            "following": following,
            "is_first": is_first,
            "note_form": NoteForm(),
        }
