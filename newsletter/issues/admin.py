"""Where the author says what a stranger should read first. Issues themselves are composed at the desk."""

from django.contrib import admin

from newsletter.issues.models import StartingPoint


@admin.register(StartingPoint)
class StartingPointAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("post", "reason", "position")
    list_editable = ("reason", "position")
    list_select_related = ("post",)
    autocomplete_fields = ("post",)
