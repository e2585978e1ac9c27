"""Starting points and kept texts in the admin. Issues are composed at the desk."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from newsletter.issues.models import KeptText, StartingPoint
from newsletter.publication.forms import CleanTextModelForm

COMPOSE = "issues.change_issue"


class ListedForm(CleanTextModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.help_text = ""  # not shown in the list, so aria-describedby must not reference it
            if self.instance.pk:
                words = {"field": field.label, "post": self.instance}
                field.widget.attrs["aria-label"] = gettext("“%(post)s”: %(field)s") % words


@admin.register(StartingPoint)
class StartingPointAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = CleanTextModelForm
    nothing_yet = _(
        "No post is recommended yet. New readers see those that you choose first: on the site, and in their welcome."
    )
    list_display = ("post", "reason", "position")
    list_editable = ("reason", "position")
    list_select_related = ("post",)
    autocomplete_fields = ("post",)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Hide Django's add, change and view links: posts are edited at the desk."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "post" and field:
            field.widget.can_add_related = field.widget.can_change_related = field.widget.can_view_related = False
        return field

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, form=ListedForm, **kwargs)


@admin.register(KeptText)
class KeptTextAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic to the stubs alone
    """Needs the permission to change issues; there is none of its own."""

    form = CleanTextModelForm
    nothing_yet = _("No text is kept yet. Give an introduction or a closing a name where you compose an issue.")
    list_display = ("name", "kind")
    list_filter = ("kind",)
    search_fields = ("name", "text")
    show_facets = admin.ShowFacets.NEVER

    def has_view_permission(self, request: HttpRequest, obj: KeptText | None = None) -> bool:
        return request.user.has_perm(COMPOSE)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission  # one permission for all
    has_module_permission = has_view_permission
