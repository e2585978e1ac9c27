"""Where the author says what a stranger should read first. Issues themselves are composed at the desk."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from newsletter.issues.models import StartingPoint
from newsletter.publication.forms import TypedModelForm


@admin.register(StartingPoint)
class StartingPointAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = TypedModelForm
    list_display = ("post", "reason", "position")
    list_editable = ("reason", "position")
    list_select_related = ("post",)
    autocomplete_fields = ("post",)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=TypedModelForm, **kwargs)
