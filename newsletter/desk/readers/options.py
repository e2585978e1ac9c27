"""The list of readers and the page of one, with what was sent to them beside what they said."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from newsletter.desk.readers import copies, story
from newsletter.desk.readers.notes import NoteForm
from subscribers import finding
from subscribers.admin import SubscriberAdmin
from subscribers.filters import FIELDS, Field, Options
from subscribers.finding import Narrowing
from subscribers.models import Subscriber

NARROWINGS: Final[Mapping[str, Narrowing]] = {**finding.NARROWINGS, "copies": copies.without_last_copy}


class CopiesField(Field):
    narrowings = NARROWINGS
    title, parameter_name = _("copies"), "copies"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        last = copies.last_sent()
        if last is None:  # no issue was sent, or its copies are packed: they cannot be looked through at once
            return []
        return [(copies.NONE_OF_LAST, _("none of %(issue)s") % {"issue": last.issue})]

    def has_output(self) -> bool:
        return bool(self.lookup_choices or self.value())


class ReadersAdmin(SubscriberAdmin):
    list_filter = (*FIELDS, CopiesField)
    change_form_template = "admin/subscribers/reader.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a reader with their story; `before` says where a page of it begins."""
        reader = self.get_object(request, object_id) if request.method != "POST" else None
        shown = self._story(request, reader) if reader and self.has_view_permission(request, reader) else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def _story(self, request: HttpRequest, reader: Subscriber) -> dict[str, Any]:
        before = story.Before.read(request.GET.get("before", ""))
        sees_copies = request.user.has_perm("delivery.view_mailing")
        lines, following = story.of(reader, before, with_copies=sees_copies)
        is_first = before is None
        return {"story": lines, "following": following, "is_first": is_first, "note_form": NoteForm()}
