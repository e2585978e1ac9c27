"""Saved filters: a name for what the fields and the search above the list of readers say."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from newsletter.desk.models import SavedFilter
from newsletter.desk.readers.choosing import query_of
from subscribers.addresses import one_line

SHOWN_MAX = 30


class NameForm(forms.ModelForm):  # type: ignore[type-arg]  # generic to the stubs alone
    """query: the address line of the list, of which only filters and search are kept."""

    class Meta:
        model = SavedFilter
        fields = ("name", "query")
        labels = {"name": gettext_lazy("Name of the filter")}

    def clean_name(self) -> str:
        return one_line(self.cleaned_data["name"])

    def clean_query(self) -> str:
        return query_of(QueryDict(self.cleaned_data["query"]).dict())


def shown(request: HttpRequest) -> dict[str, Any]:
    """Return the saved filters for the list, with the one that is shown now, and what could be saved."""
    query = query_of(request.GET)
    saved = list(SavedFilter.objects.all()[:SHOWN_MAX])
    current = next((one for one in saved if one.query == query), None) if query else None
    return {"saved_filters": saved, "saved_filter": current, "query_to_save": "" if current else query}


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep a combination under a name; the same name anew is the same filter, changed."""
    name = one_line(request.POST.get("name", ""))
    form = NameForm(request.POST, instance=SavedFilter.objects.filter(name=name).first())
    if form.is_valid():
        saved = form.save()
        messages.success(request, _("The filter “%s” is saved.") % saved.name)
        return _to_list(saved.query)
    for error in (error for errors in form.errors.values() for error in errors):
        messages.error(request, _("The filter was not saved: %s") % error)
    return _to_list(query_of(QueryDict(request.POST.get("query", "")).dict()))


@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a saved filter; the readers stay as they are."""
    if found := SavedFilter.objects.filter(pk=pk).first():
        found.delete()
        messages.success(request, _("The filter “%s” was deleted. No reader was changed.") % found.name)
    return _to_list("")


def _to_list(query: str) -> HttpResponse:
    return redirect(f"{reverse('admin:subscribers_subscriber_changelist')}{'?' if query else ''}{query}")
