"""What Django's own log says, with the names that fields have here."""

import json
from copy import copy

from django import template
from django.contrib.admin.models import LogEntry
from django.utils.text import capfirst
from django.utils.translation import gettext, override

register = template.Library()


@register.filter
def told(entry: LogEntry) -> str:
    """Return what was changed, in the reader's language.

    Django stores the labels of fields in English, with a capital, and looks those up: the "Name" of a tag is found as
    that of a person, and "Alternative text" not at all. Here each is looked up as its model has it.
    """
    try:
        changes = json.loads(entry.change_message)
    except json.JSONDecodeError:
        return entry.get_change_message()
    names = _names(entry)
    for change in changes:
        about = change.get("changed", {})
        if "object" not in about and "fields" in about:
            about["fields"] = [gettext(", ").join(names.get(label, gettext(label)) for label in about["fields"])]
    shown = copy(entry)
    shown.change_message = json.dumps(changes)
    return shown.get_change_message()


def _names(entry: LogEntry) -> dict[str, str]:
    """Return the labels of the fields that are changed, by what Django stores of them."""
    model = entry.content_type.model_class() if entry.content_type else None
    labels = [field.verbose_name for field in model._meta.fields + model._meta.many_to_many] if model else []
    with override(None):
        stored = [capfirst(str(label)) for label in labels]
    return dict(zip(stored, (capfirst(str(label)) for label in labels), strict=True))
