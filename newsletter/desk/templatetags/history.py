"""What Django's own log says, with the names that fields have here."""

import json
from copy import copy
from typing import Any

from django import template
from django.utils.text import capfirst
from django.utils.translation import gettext, override

register = template.Library()


@register.filter
def told(logged: Any) -> str:
    """Return what a row of Django's log says was changed, in the reader's language.

    Django stores the labels of fields in English, with a capital, and looks those up: the "Name" of a tag is found as
    that of a person, and "Alternative text" not at all. Here each is looked up as its model has it.
    """
    try:
        changes = json.loads(logged.change_message)
    except json.JSONDecodeError:
        return str(logged.get_change_message())
    names = _names(logged)
    for change in changes:
        about = change.get("changed", {})
        if "object" not in about and "fields" in about:
            about["fields"] = [gettext(", ").join(names.get(label, gettext(label)) for label in about["fields"])]
    shown = copy(logged)
    shown.change_message = json.dumps(changes)
    return str(shown.get_change_message())


def _names(logged: Any) -> dict[str, str]:
    """Return the labels of the fields that are changed, by what Django stores of them."""
    model = logged.content_type.model_class() if logged.content_type else None
    labels = [field.verbose_name for field in model._meta.fields + model._meta.many_to_many] if model else []
    with override(None):
        stored = [capfirst(str(label)) for label in labels]
    return dict(zip(stored, (capfirst(str(label)) for label in labels), strict=True))
