"""The list of readers and the page of one, with what was sent to them beside what they said."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from newsletter.desk.readers import copies
from subscribers import finding
from subscribers.admin import SubscriberAdmin
from subscribers.filters import FIELDS, Field, Options
from subscribers.finding import Narrowing

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
