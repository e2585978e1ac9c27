"""Admin base classes: a history page, and shorter delete confirmations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from newsletter.publication import changes, trash
from newsletter.publication.changes import Change

TRASH_SHOWN = 200


class PlainDeleteAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Delete confirmations without the join tables of many-to-many fields."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        nested, counts, lacking, protected = super().get_deleted_objects(objs, request)
        joining = [model._meta for model in apps.get_models(include_auto_created=True) if model._meta.auto_created]
        plurals = {str(options.verbose_name_plural) for options in joining}
        prefixes = tuple(f"{capfirst(options.verbose_name)}: " for options in joining)
        shown = {name: count for name, count in counts.items() if str(name) not in plurals}
        return _without(nested, prefixes), shown, lacking, protected


def _without(nested: Iterable[Any], prefixes: tuple[str, ...]) -> list[Any]:
    """Remove lines with these prefixes from nested lists, and lists that are empty then."""
    kept = [_without(one, prefixes) if isinstance(one, list) else one for one in nested]
    return [one for one in kept if one != [] and not str(one).startswith(prefixes)]


PER_PAGE = 50
Action = Change.Action


@dataclass(frozen=True)
class HistoryEntry:
    """An entry of the history page, translated. actor: see `actor_text`."""

    at: datetime
    text: str
    actor: str
    details: tuple[str, ...] = ()
    url: str = ""

    @property
    def day(self) -> date:
        return timezone.localtime(self.at).date()


def actor_text(by: str, via: str) -> str:
    """Name and channel of an actor, such as "gipi · on the desk"."""
    return " · ".join(filter(None, [by, str(changes.Via(via).label) if via else ""]))


class AuditedAdmin(PlainDeleteAdmin):
    """Logs changed fields to Change instead of LogEntry, and shows them on the history page.

    Django's LogEntry stores English labels, logs saves without a change, and is deleted with its user.
    """

    def construct_change_message(  # type: ignore[override]
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> dict[str, Any]:
        """Change.detail: the changed visible fields; empty for an addition."""
        shown = [name for name in form.changed_data if not form.fields[name].widget.is_hidden]
        return {} if add or not shown else {"fields": shown}

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        Change.objects.log(Action.ADDED, [obj], message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        if message:
            Change.objects.log(Action.CHANGED, [obj], message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> None:  # type: ignore[override]  # a list is accepted too
        Change.objects.log(Action.DELETED, queryset)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.get_object(request, unquote(object_id))
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        if not self.has_view_or_change_permission(request, found):
            raise PermissionDenied
        entries = sorted(self.history_of(request, found), key=lambda entry: entry.at, reverse=True)
        shown = Paginator(entries, PER_PAGE).get_page(request.GET.get("p", 1))
        context = self.admin_site.each_context(request) | {
            "title": _("History"),
            "object": found,
            "opts": self.opts,
            "page": shown,
            "entries": shown.object_list,
        }
        return TemplateResponse(request, self.object_history_template or "admin/history.html", context)

    def history_of(self, request: HttpRequest, obj: Model) -> list[HistoryEntry]:
        """Newest first by pk: `history_view` sorts by time, and keeps this order among equal times."""
        return [self.entry_of(change) for change in Change.objects.of(obj).order_by("-pk")]

    def entry_of(self, change: Change) -> HistoryEntry:
        """Fields are named by their form labels."""
        names = [self._label(name) for name in change.detail.get("fields", [])]
        return HistoryEntry(
            change.at, _change_text(change, names), actor_text(change.by, change.via), tuple(_details(change))
        )

    def _label(self, name: str) -> str:
        field = getattr(self.form, "base_fields", {}).get(name)
        return str(field.label) if field and field.label else _verbose_name(self.model, name)


class TrashAdmin(AuditedAdmin):
    """Deleting moves rows to the trash, from where one press brings them back."""

    def get_urls(self) -> list[URLPattern]:
        own: list[tuple[str, Any, str]] = [
            ("trash/", require_safe(self.trash_view), "trash"),
            ("trash/<int:pk>/", require_POST(self.put_back), "put_back"),
        ]
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [*(path(at, view(screen), name=f"{name}_{end}") for at, screen, end in own), *super().get_urls()]

    def in_use(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Rows that must not be deleted."""
        raise NotImplementedError

    def after_trash(self, rows: Iterable[Any]) -> None:
        """Hook: called with rows that were moved to the trash."""

    def before_put_back(self, row: Any) -> None:
        """Hook: called with a row before it is restored."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        rows = self.model.objects.filter(pk__in=[row.pk for row in objs])
        return [], {}, set(), list(self.in_use(rows))

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> None:  # type: ignore[override]  # a list is accepted too
        """Not here: `move_to_trash` logs those that were moved."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete_queryset(request, self.model.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        rows = self.model.objects.filter(pk__in=queryset.order_by().values("pk"))
        stays = self.in_use(self.model.objects.all()).order_by().values("pk")
        with transaction.atomic():
            self.after_trash(trash.move_to_trash(rows.exclude(pk__in=stays), timezone.now()))

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        self.message_user(request, _("“%(title)s” is in the trash.") % {"title": obj_display}, messages.SUCCESS)
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_trash")

    def has_trash_permission(self, request: HttpRequest) -> bool:
        return self.has_delete_permission(request)

    @admin.action(description=gettext_lazy("Move to the trash"), permissions=["trash"])
    def delete_selected(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        chosen = [row.pk for row in rows]
        stay = self.in_use(self.model.objects.filter(pk__in=chosen)).distinct().count()
        self.delete_queryset(request, rows)
        if moved := len(chosen) - stay:
            text = ngettext("%(count)d is in the trash.", "%(count)d are in the trash.", moved)
            self.message_user(request, text % {"count": moved}, messages.SUCCESS)
        if stay:
            text = ngettext(
                "%(count)d is part of an issue, and stays.", "%(count)d are part of an issue, and stay.", stay
            )
            self.message_user(request, text % {"count": stay}, messages.WARNING)

    def trash_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        rows = trash.in_trash(self.model)
        context = {
            "title": _("Trash"),
            "opts": self.opts,
            "rows": rows[:TRASH_SHOWN],
            "days": trash.TRASH_LIFETIME.days,
        }
        return TemplateResponse(request, "admin/trash.html", self.admin_site.each_context(request) | context)

    def put_back(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        with transaction.atomic():
            row = get_object_or_404(trash.in_trash(self.model).select_for_update(), pk=pk)
            self.before_put_back(row)
            trash.put_back(row)
        self.message_user(request, _("“%(title)s” is back.") % {"title": row}, messages.SUCCESS)
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", pk)


def quote_titles(titles: Iterable[str]) -> str:
    return _(", ").join(_("“%(title)s”") % {"title": title} for title in titles)


def _change_text(change: Change, names: list[str]) -> str:
    if change.what == Action.CHANGED and names:
        return _("Changed: %(fields)s") % {"fields": _(", ").join(names)}
    texts = {
        Action.ADDED: _("Created"),
        Action.CHANGED: _("Changed"),
        Action.PUBLISHED: _("Published"),
        Action.WITHDRAWN: _("Made a draft again"),
        Action.DELETED: _("Deleted"),
        Action.RESTORED: _("Taken out of the trash"),
    }
    return texts[Action(change.what)]


def _details(change: Change) -> Iterator[str]:
    sentences = {
        "put_in": _("Put in: %(posts)s"),
        "taken_out": _("Taken out: %(posts)s"),
        "arranged": _("Place or form changed: %(posts)s"),
    }
    for key, sentence in sentences.items():
        if titles := change.detail.get(key):
            yield sentence % {"posts": quote_titles(titles)}


def _verbose_name(model: type[Model], name: str) -> str:
    try:
        return str(getattr(model._meta.get_field(name), "verbose_name", name))
    except FieldDoesNotExist:
        return name
