"""Admin of readers and suppressions, for a million rows: no page counts them all."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from newsletter.publication import changes
from newsletter.publication.forms import CleanTextModelForm
from subscribers import author_actions, reader_lists, signup
from subscribers.author_actions import ActionContext
from subscribers.forms import ReaderAddForm, ReaderChangeForm, SuppressionForm
from subscribers.models import ReaderCounts, Subscriber, SubscriberQuerySet, Suppression, cached_reader_counts
from subscribers.models.consents import ConsentDetails
from subscribers.models.tags import join_tags
from subscribers.reader_lists import LIST_FILTERS, LimitedPaginator, SearchChangeList, SearchPaginator

ERASED_AT_ONCE_MAX = 100  # readers


class AddressAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    change_form: type[forms.BaseForm] = CleanTextModelForm
    paginator = LimitedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    ordering = ("-pk",)
    search_fields = ("email",)
    search_help_text = _("The beginning of an address, or a whole one in any spelling")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _sees_readers(request) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _sees_readers(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _sees_readers(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _sees_readers(request) and super().has_delete_permission(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = term.strip()
        return (self.search(queryset, term) if term else queryset), False

    def search(self, queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
        return reader_lists.by_address(queryset, term)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:  # only its owner changes an address, by signing up with the new one
            kwargs["form"] = self.change_form
        return super().get_form(request, obj, change=change, **kwargs)


@admin.register(Subscriber)
class SubscriberAdmin(AddressAdmin):
    form, change_form = ReaderAddForm, ReaderChangeForm
    nothing_yet = _("No reader yet. Import a list, or add somebody who asked for it.")
    list_display = ("reader", "state_now", "reader_tags", "joined")
    list_filter = LIST_FILTERS
    sortable_by = ()
    search_help_text = _("A part of an address or of a name")
    actions = ("erase",)
    change_list_template = "admin/subscribers/subscriber_list.html"
    fields = ("email", "name", "tag_names", "consent")
    fields_of_known = (("name", "tag_names"),)  # the page of a reader says the rest

    class Media:
        css = {"all": ("desk/readers.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscriber]:
        return cast("SubscriberQuerySet", super().get_queryset(request)).for_listing()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search addresses and names; keeps the querysets for the paginator on the request."""
        if not term.strip():
            return queryset, False
        readers = cast("SubscriberQuerySet", queryset)
        parsed = reader_lists.SearchTerm.parse(readers, term.strip())
        request.search_parts = parsed.parts(readers)  # type: ignore[attr-defined]
        request.is_search_partial = bool(parsed.oldest_id)  # type: ignore[attr-defined]  # read by the list's template
        return parsed.narrow(readers), False

    def get_paginator(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        parts = getattr(request, "search_parts", None)
        if parts is None:
            return super().get_paginator(request, queryset, *args, **kwargs)
        pages = SearchPaginator(queryset, *args, **kwargs)
        pages.parts = parts
        return pages

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return SearchChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add the number of readers by state, counted at most once a minute."""
        counted = cached_reader_counts(timezone.now())
        shown = {
            "title": _("Readers"),
            "reader_counts": counted,
            "states": states(counted),
            "searched_max": reader_lists.SEARCHED_MAX,
        }
        return super().changelist_view(request, shown | (extra_context or {}))

    @admin.display(description=_("Reader"))
    def reader(self, subscriber: Subscriber) -> str:
        return render_to_string("admin/subscribers/_reader.html", {"reader": subscriber})

    @admin.display(description=_("state"))
    def state_now(self, subscriber: Subscriber) -> str:
        context = {"reader": subscriber, "is_suppressed": bool(subscriber.suppression_reason), "now": timezone.now()}  # type: ignore[attr-defined]  # annotated by get_queryset
        return render_to_string("admin/subscribers/_state.html", context)

    @admin.display(description=_("tags"), empty_value="")
    def reader_tags(self, subscriber: Subscriber) -> str:
        names = [one.tag.name for one in subscriber.taggings.all()]
        return render_to_string("admin/subscribers/_tags.html", {"names": names}) if names else ""

    @admin.display(description=_("joined"))
    def joined(self, subscriber: Subscriber) -> Any:
        return date_format(timezone.localtime(subscriber.confirmed_at or subscriber.created_at), "SHORT_DATE_FORMAT")

    @admin.display(description=_("Tags"))
    def tag_names(self, subscriber: Subscriber) -> str:
        return join_tags(subscriber.tag_names)

    def get_fields(self, request: HttpRequest, obj: Subscriber | None = None) -> Any:
        return self.fields if obj is None else self.fields_of_known

    def save_model(self, request: HttpRequest, obj: Subscriber, form: Any, change: bool) -> None:
        """Add a reader with their consent; of an existing one, save only the typed fields."""
        if change:
            obj.save(update_fields=["name"])
        else:
            signup.add_manually(obj, ConsentDetails(f"by hand: {form.cleaned_data['consent']}"), timezone.now())
        context = ActionContext(timezone.now(), by=changes.current_actor().by)
        author_actions.retag(obj, form.cleaned_data["tag_names"], context)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a deleted reader would come back with the next import; see `erase`

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return _sees_readers(request) and request.user.has_perm("subscribers.delete_subscriber")

    @admin.action(description=_("Erase everything about them"), permissions=["erase"])
    def erase(self, request: HttpRequest, queryset: SubscriberQuerySet) -> HttpResponse | None:
        readers = list(queryset[: ERASED_AT_ONCE_MAX + 1])
        if len(readers) > ERASED_AT_ONCE_MAX:
            self.message_user(request, _("Please erase at most 100 readers at once."), messages.ERROR)
        elif "confirmed" not in request.POST:
            context = self.admin_site.each_context(request) | {"readers": readers, "title": _("Erase readers")}
            return TemplateResponse(request, "admin/subscribers/erase.html", context | {"opts": self.opts})
        else:
            self._erase(request, readers)
        return None

    def _erase(self, request: HttpRequest, readers: list[Subscriber]) -> None:
        for subscriber in readers:
            subscriber.erase()
        text = ngettext("%d reader was erased.", "%d readers were erased.", len(readers))
        self.message_user(request, text % len(readers), messages.SUCCESS)


@admin.register(Suppression)
class SuppressionAdmin(AddressAdmin):
    form = SuppressionForm
    nothing_yet = _(
        "No address is suppressed. Those that bounce, complain or ask to be erased come here by themselves."
    )
    list_display = ("__str__", "reason", "note", "since")
    empty_value_display = ""
    list_filter = ("reason",)
    fields = ("email", "reason", "note")

    @admin.display(description=_("since"), ordering="created_at")
    def since(self, suppression: Suppression) -> str:
        return date_format(timezone.localtime(suppression.created_at), "SHORT_DATE_FORMAT")

    def get_readonly_fields(self, request: HttpRequest, obj: Suppression | None = None) -> Any:
        return () if obj is None else ("email", "reason", "created_at")

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            author_actions.add_suppression(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        is_by_hand = obj is None or author_actions.can_lift(obj)
        return is_by_hand and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Suppression) -> None:
        self.delete_queryset(request, Suppression.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> None:
        author_actions.record_lifting(queryset)
        super().delete_queryset(request, queryset)


def states(counted: ReaderCounts) -> list[tuple[str, Any, int]]:
    """(query value, label, number of readers) by state."""
    counts = {
        Subscriber.State.ACTIVE: counted.mailable,
        Subscriber.State.PENDING: counted.pending,
        Subscriber.State.PAUSED: counted.paused,
        Subscriber.State.UNSUBSCRIBED: counted.unsubscribed,
        reader_lists.SUPPRESSED: counted.suppressed,
    }
    return [(name, reader_lists.STATES[name], count) for name, count in counts.items()]


def _sees_readers(request: HttpRequest) -> bool:
    return request.user.has_perm("subscribers.see_readers")
