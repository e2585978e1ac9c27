"""What is wrong with a value, in the language of the program: pydantic says it in English alone.

The kinds are pydantic's: https://docs.pydantic.dev/latest/errors/validation_errors/
"""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

A_TEXT = gettext_lazy("This has to be a text.")
A_NUMBER = gettext_lazy("This has to be a whole number.")
TRUE_OR_FALSE = gettext_lazy("This has to be true or false.")
A_LIST = gettext_lazy("This has to be a list.")
AN_OBJECT = gettext_lazy("This has to be an object.")
# By the kind as a whole, or by the word that it begins with. What stands in braces is of pydantic's context.
SENTENCES: Mapping[str, Promise] = {
    "missing": gettext_lazy("This has to be there."),
    "extra_forbidden": gettext_lazy("There is no field of this name."),
    "string_too_short": gettext_lazy("This needs at least {min_length} characters."),
    "string_too_long": gettext_lazy("This may have at most {max_length} characters."),
    "string_pattern_mismatch": gettext_lazy("This has to look like {pattern}."),
    "string": A_TEXT,
    "int": A_NUMBER,
    "greater_than": gettext_lazy("This has to be more than {gt}."),
    "greater_than_equal": gettext_lazy("This has to be {ge} or more."),
    "less_than": gettext_lazy("This has to be less than {lt}."),
    "less_than_equal": gettext_lazy("This has to be {le} or less."),
    "bool": TRUE_OR_FALSE,
    "literal_error": gettext_lazy("This has to be one of {expected}."),
    "too_long": gettext_lazy("This may have at most {max_length} entries."),
    "too_short": gettext_lazy("This needs at least {min_length} entries."),
    "list": A_LIST,
    "dict": AN_OBJECT,
    "model": AN_OBJECT,
    "datetime": gettext_lazy("This has to be a time with its offset, as 2026-12-04T08:00:00+08:00."),
    "timezone": gettext_lazy("This has to be a time with its offset, as 2026-12-04T08:00:00+08:00."),
    "date": gettext_lazy("This has to be a day, as 2026-12-04."),
    "none": gettext_lazy("This has to be null."),
}


def sentence(kind: str, context: Mapping[str, Any]) -> str:
    """Return what pydantic means by a kind of error. context: its numbers and names, such as max_length."""
    found = SENTENCES.get(kind) or SENTENCES.get(kind.partition("_")[0])
    if found is None:
        return _("This value cannot be used.")
    return str(found).format_map({name: str(value).replace(" or ", ", ") for name, value in context.items()})
