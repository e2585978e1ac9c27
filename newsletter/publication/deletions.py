"""What the admin says of a deletion: what an author would miss, in words, and no rows that only the program knows."""

from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# What goes with a post or an issue and is worth a word, by model; rooms above are named, not imported.
IN_WORDS: dict[str, Callable[[int], str]] = {
    "posts.revision": lambda count: ngettext("%(count)s version of the text", "%(count)s versions of the text", count),
    "posts.redirect": lambda count: ngettext(
        "%(count)s old address that leads here", "%(count)s old addresses that lead here", count
    ),
    "posts.workingcopy": lambda _count: _("What was changed and readers do not see yet"),
    "issues.startingpoint": lambda _count: _("The place on the page for newcomers"),
    "delivery.feedback": lambda count: ngettext("%(count)s answer of a reader", "%(count)s answers of readers", count),
}


class PlainDeletionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Names what is deleted without the tables that Django makes for many-to-many fields.

    tells_in_words: name only the rows themselves, and what of IN_WORDS goes with them.
    """

    tells_in_words = False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        nested, counts, lacking, protected = super().get_deleted_objects(objs, request)
        if self.tells_in_words:
            rows = [one for one in nested if not isinstance(one, list)]
            return rows, dict.fromkeys(_in_words(counts), ""), lacking, protected
        joining = [model._meta for model in apps.get_models(include_auto_created=True) if model._meta.auto_created]
        plurals = {str(options.verbose_name_plural) for options in joining}
        starts = tuple(f"{capfirst(options.verbose_name)}: " for options in joining)
        told = {name: count for name, count in counts.items() if str(name) not in plurals}
        return _without(nested, starts), told, lacking, protected


def _in_words(counts: dict[Any, int]) -> list[str]:
    """Return a phrase for each kind of row that an author knows. counts: by the plural name of the model."""
    by_name = {str(name): count for name, count in counts.items()}
    found = {label: by_name.get(str(apps.get_model(label)._meta.verbose_name_plural), 0) for label in IN_WORDS}
    return [IN_WORDS[label](count) % {"count": f"{count:,}"} for label, count in found.items() if count]


def _without(nested: Iterable[Any], starts: tuple[str, ...]) -> list[Any]:
    """Return lists within lists without the lines that begin so, and without what is empty then."""
    kept = [_without(one, starts) if isinstance(one, list) else one for one in nested]
    return [one for one in kept if one != [] and not str(one).startswith(starts)]
