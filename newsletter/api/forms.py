"""What a form of the desk objects to, as a problem."""

from collections.abc import Mapping

from django.forms import BaseForm

from newsletter.api.problems import Error, Problem


def problem_of(form: BaseForm, names: Mapping[str, str]) -> Problem:
    """Return the problem that says what is wrong in a form. names: of its fields, where the API has another."""
    errors = [
        Error(str(text), pointer="" if name == "__all__" else f"/{names.get(name, name)}")
        for name, texts in form.errors.items()
        for text in texts
    ]
    return Problem("invalid", errors=errors)
