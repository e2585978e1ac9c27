"""Bulk actions on readers: the page that confirms what happens to whom, and starts the job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from newsletter.desk import permissions, tasks
from newsletter.desk.jobs.readers import begin
from newsletter.desk.jobs.selection import FILTERS_BY_PARAMETER, SEARCH, TICKED_MAX, Selection
from newsletter.desk.models import Errand
from newsletter.desk.readers import errands
from newsletter.desk.readers.reader_actions import BULK_FORMS
from newsletter.desk.templatetags.figures import reader_count_text
from newsletter.publication.task_queue import enqueue_on_commit
from subscribers.models import ReaderTag

ALL_PARAMETER, TICKED_PARAMETER = "all", "readers"  # query parameters: all that match the rest, or keys of readers
SALT = "desk.readers.chosen"
SHOWN_SECONDS = 24 * 3600  # age limit of a confirmation page
SEARCH_LABEL = gettext_lazy("search")
PERMISSION_OF_KIND: dict[str, str] = {
    Errand.Kind.EXPORT: permissions.EXPORT_READERS,
    Errand.Kind.SUPPRESS: permissions.SUPPRESS,
}


@dataclass(frozen=True)
class ChosenReaders:
    """The readers that a page showed: selection, description and count."""

    selection: Selection
    about: str
    count: int

    def signed(self, user: Any) -> str:
        """For a hidden field. Valid for this user only."""
        facts = [user.pk, self.selection.to_json(), self.about, self.count]
        return signing.dumps(facts, salt=SALT, compress=True)

    @classmethod
    def unsigned(cls, text: str, user: Any) -> "ChosenReaders | None":
        try:
            pk, stored, about, count = signing.loads(text, salt=SALT, max_age=SHOWN_SECONDS)
        except signing.BadSignature:
            return None
        return cls(Selection.from_json(stored), about, count) if pk == user.pk else None


def filter_query(given: Mapping[str, str]) -> str:
    query = QueryDict(mutable=True)
    query.update({name: given[name] for name in sorted([*FILTERS_BY_PARAMETER, SEARCH]) if given.get(name, "").strip()})
    return query.urlencode()


def query_for_all(given: Mapping[str, str]) -> str:
    return f"{ALL_PARAMETER}=1&{filter_query(given)}".rstrip("&")


def query_for_ticked(numbers: Sequence[str]) -> str:
    query = QueryDict(mutable=True)
    query.setlist(TICKED_PARAMETER, list(numbers[:TICKED_MAX]))
    return query.urlencode()


def chosen_readers(request: HttpRequest) -> ChosenReaders | None:
    if request.GET.get(ALL_PARAMETER):
        selection = Selection.of_all(request.GET)
        return ChosenReaders(
            selection, errands.describe_selection(_filters_by_title(request), 0), selection.readers().count()
        )
    numbers = [int(number) for number in request.GET.getlist(TICKED_PARAMETER)[:TICKED_MAX] if number.isdecimal()]
    if not numbers:
        return None
    selection = Selection.of_ticked(numbers)
    return ChosenReaders(selection, errands.describe_selection({}, len(selection.ticked)), selection.readers().count())


@require_safe
def choose(request: HttpRequest) -> HttpResponse:
    chosen = chosen_readers(request)
    if chosen is None:
        return _nobody(request)
    kinds = [kind for kind in BULK_FORMS if request.user.has_perms(_rights(kind))]
    rows = [
        (
            Errand.Kind(kind).label,
            errands.WHAT_HAPPENS[kind],
            f"{reverse('admin:reader_bulk', args=[kind])}?{_selection_query(request)}",
        )
        for kind in kinds
    ]
    return _page(request, "choose", {"title": _("All of them"), "chosen": chosen, "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, kind: str) -> HttpResponse:
    """Confirm on GET. POST starts the job, for exactly the readers that the page showed."""
    if kind not in BULK_FORMS:
        raise Http404(kind)
    permissions.check_permissions(request, *_rights(kind))
    if kind in errands.GRAVE_KINDS:
        permissions.require_fresh_proof(request)
    is_posted = request.method == "POST"
    chosen = (
        ChosenReaders.unsigned(request.POST.get("chosen", ""), request.user) if is_posted else chosen_readers(request)
    )
    if chosen is None:
        return _nobody(request)
    form = BULK_FORMS[kind](request.POST if is_posted else None)
    if is_posted and form.is_valid():
        return _begin(request, kind, chosen, form.options())
    context = {
        "title": Errand.Kind(kind).label,
        "kind": kind,
        "chosen": chosen,
        "count": reader_count_text(chosen.count),
        "signed": chosen.signed(request.user),
        "what_happens": errands.WHAT_HAPPENS[kind],
        "button": errands.button_text(kind, chosen.count),
        "is_grave": kind in errands.GRAVE_KINDS,
        "form": form,
        "known_tags": ReaderTag.objects.in_use() if kind == Errand.Kind.TAG else [],
        "back": f"{_list()}?{filter_query(request.GET)}",
    }
    return _page(request, "confirm", context, status=400 if is_posted else 200)


def _begin(request: HttpRequest, kind: str, chosen: ChosenReaders, options: dict[str, Any]) -> HttpResponse:
    errand = begin(
        kind, chosen.selection, options, about=chosen.about, count=chosen.count, user=request.user, now=timezone.now()
    )
    enqueue_on_commit(tasks.work_on_errands)
    return redirect("admin:reader_errand", errand.pk)


def _nobody(request: HttpRequest) -> HttpResponse:
    return _page(request, "nobody", {"title": _("No reader is chosen"), "back": _list()}, status=400)


def _rights(kind: str) -> list[str]:
    return [PERMISSION_OF_KIND[kind]] if kind in PERMISSION_OF_KIND else []


def _filters_by_title(request: HttpRequest) -> dict[Promise | str, Promise | str]:
    options: Any = admin.site.get_model_admin(Selection().readers().model)
    found: dict[Promise | str, Promise | str] = {}
    for field in options.list_filter:
        if value := request.GET.get(field.parameter_name, ""):
            shown = field(request, {field.parameter_name: [value]}, options.model, options)
            found[field.title] = dict(shown.lookup_choices).get(value, value)
    if text := request.GET.get(SEARCH, "").strip():
        found[SEARCH_LABEL] = text
    return found


def _selection_query(request: HttpRequest) -> str:
    return (
        query_for_all(request.GET)
        if request.GET.get(ALL_PARAMETER)
        else query_for_ticked(request.GET.getlist(TICKED_PARAMETER))
    )


def _list() -> str:
    return reverse("admin:subscribers_subscriber_changelist")


def _page(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(request, f"desk/readers/{template}.html", admin.site.each_context(request) | context, status=status)
