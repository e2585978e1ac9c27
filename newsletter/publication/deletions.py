"""What the admin says of a deletion: rows that only join two others are no news to an author."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.utils.text import capfirst


class PlainDeletionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Names what is deleted without the tables that Django makes for many-to-many fields."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        nested, counts, lacking, protected = super().get_deleted_objects(objs, request)
        joining = [model._meta for model in apps.get_models(include_auto_created=True) if model._meta.auto_created]
        plurals = {str(options.verbose_name_plural) for options in joining}
        starts = tuple(f"{capfirst(options.verbose_name)}: " for options in joining)
        told = {name: count for name, count in counts.items() if str(name) not in plurals}
        return _without(nested, starts), told, lacking, protected


def _without(nested: Iterable[Any], starts: tuple[str, ...]) -> list[Any]:
    """Return lists within lists without the lines that begin so, and without what is empty then."""
    kept = [_without(one, starts) if isinstance(one, list) else one for one in nested]
    return [one for one in kept if one != [] and not str(one).startswith(starts)]
