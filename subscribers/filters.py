"""The fields above the list of readers: each narrows it by one value of its address line (finding.py)."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from subscribers import finding
from subscribers.finding import Narrowing
from subscribers.models import SubscriberQuerySet, Tag

type Options = Iterable[tuple[str, Any]]


class Field(admin.SimpleListFilter):
    """A field of the form above the list. It is there whatever it has to choose from: a form keeps its shape."""

    kind: ClassVar[str] = "select"  # or the type of an input
    narrowings: ClassVar[Mapping[str, Narrowing]] = finding.NARROWINGS

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return ()

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: Any) -> SubscriberQuerySet:
        value = self.value()
        found: SubscriberQuerySet = self.narrowings[str(self.parameter_name)](queryset, value) if value else queryset
        return found


class StateField(Field):
    title, parameter_name = _("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        return finding.STATES.items()


class TagField(Field):
    title, parameter_name = _("tag"), "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        return [(name, name) for name in Tag.objects.in_use()]


class SourceField(Field):
    title, parameter_name = _("how they came"), "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Options:
        return [(key, label) for key, (_beginning, label) in finding.SOURCES.items()]


class JoinedFromField(Field):
    kind = "date"
    title, parameter_name = _("joined from"), "joined_from"


class JoinedToField(Field):
    kind = "date"
    title, parameter_name = _("joined until"), "joined_to"


FIELDS: tuple[type[Field], ...] = (StateField, TagField, SourceField, JoinedFromField, JoinedToField)
