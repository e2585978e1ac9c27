"""Strict JSON parsing, and problem responses for every kind of exception."""

import json
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from newsletter.api import problems
from newsletter.api.problems import FieldError, Problem

NOT_A_STRING = gettext_lazy("This has to be a text.")
NOT_AN_INTEGER = gettext_lazy("This has to be a whole number.")
NOT_A_BOOLEAN = gettext_lazy("This has to be true or false.")
NOT_A_LIST = gettext_lazy("This has to be a list.")
NOT_AN_OBJECT = gettext_lazy("This has to be an object.")
# By pydantic's error type, or its first word. Braces are filled from its context.
VALIDATION_MESSAGES: Mapping[str, Promise] = {
    "missing": gettext_lazy("This has to be there."),
    "extra_forbidden": gettext_lazy("There is no field of this name."),
    "string_too_short": gettext_lazy("This needs at least {min_length} characters."),
    "string_too_long": gettext_lazy("This may have at most {max_length} characters."),
    "string_pattern_mismatch": gettext_lazy("This has to look like {pattern}."),
    "string": NOT_A_STRING,
    "int": NOT_AN_INTEGER,
    "greater_than": gettext_lazy("This has to be more than {gt}."),
    "greater_than_equal": gettext_lazy("This has to be {ge} or more."),
    "less_than": gettext_lazy("This has to be less than {lt}."),
    "less_than_equal": gettext_lazy("This has to be {le} or less."),
    "bool": NOT_A_BOOLEAN,
    "literal_error": gettext_lazy("This has to be one of {expected}."),
    "too_long": gettext_lazy("This may have at most {max_length} entries."),
    "too_short": gettext_lazy("This needs at least {min_length} entries."),
    "list": NOT_A_LIST,
    "dict": NOT_AN_OBJECT,
    "model": NOT_AN_OBJECT,
    "datetime": gettext_lazy("This has to be a time with its offset, as 2026-12-04T08:00:00+08:00."),
    "timezone": gettext_lazy("This has to be a time with its offset, as 2026-12-04T08:00:00+08:00."),
    "date": gettext_lazy("This has to be a day, as 2026-12-04."),
    "none": gettext_lazy("This has to be null."),
}


def validation_message(kind: str, context: Mapping[str, Any]) -> str:
    """Translate a pydantic error. context: its parameters, such as max_length."""
    found = VALIDATION_MESSAGES.get(kind) or VALIDATION_MESSAGES.get(kind.partition("_")[0])
    if found is None:
        return _("This value cannot be used.")
    return str(found).format_map({name: str(value).replace(" or ", ", ") for name, value in context.items()})


class StrictParser(Parser):
    """JSON in UTF-8 (RFC 8259 section 8.1), without NaN, lone surrogates and NUL."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            text = request.body.decode()
            data = json.loads(text, parse_constant=_refuse_constant)
            json.dumps(data, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise Problem("malformed") from error
        if "\\u0000" in text and _has_nul(data):
            raise Problem("malformed")
        return data

    def parse_querydict(self, data: Any, list_fields: list[str], request: HttpRequest) -> dict[str, Any]:
        for name, values in data.lists():
            if any(isinstance(value, str) and "\0" in value for value in values):
                raise Problem("invalid", errors=[FieldError("U+0000", parameter=name)])
        found: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        return found


def _refuse_constant(word: str) -> None:
    raise ValueError(word)


def _has_nul(data: Any) -> bool:
    if isinstance(data, str):
        return "\0" in data
    if isinstance(data, dict):
        return any(_has_nul(one) for pair in data.items() for one in pair)
    return isinstance(data, list) and any(map(_has_nul, data))


log = logging.getLogger("django.request")
FORM_LOCATIONS = {"form", "file"}


def register_handlers(api: NinjaAPI) -> None:
    api.add_exception_handler(Problem, cast("Any", problems.problem_response))
    api.add_exception_handler(ValidationError, _invalid)
    for error, kind in ((Http404, "not-found"), (PermissionDenied, "forbidden"), (HttpError, "malformed")):
        api.add_exception_handler(error, partial(_refuse, Problem(kind)))
    for failure in (OperationalError, InterfaceError):
        api.add_exception_handler(failure, _unavailable)
    api.add_exception_handler(Exception, _failed)


def _refuse(problem: Problem, request: HttpRequest, _error: Any) -> HttpResponse:
    return problems.problem_response(request, problem)


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    return problems.problem_response(request, Problem("invalid", errors=[_error(one) for one in error.errors]))


def _error(one: dict[str, Any]) -> FieldError:
    what, (place, *parts) = validation_message(one["type"], one.get("ctx", {})), one["loc"]
    if place == "body":  # followed by the argument's name
        parts = parts[1:]
    if place == "body" or place in FORM_LOCATIONS:
        escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)  # RFC 6901 section 3
        return FieldError(what, pointer="".join(f"/{part}" for part in escaped))
    return FieldError(what, parameter=str(parts[-1]) if parts else "")


def _unavailable(request: HttpRequest, error: Any) -> HttpResponse:
    log.warning("%s: %s", request.path, error, exc_info=error)
    return problems.problem_response(request, Problem("unavailable", headers={"Retry-After": "5"}))


def _failed(request: HttpRequest, error: Any) -> HttpResponse:
    log.error("Internal Server Error: %s", request.path, exc_info=error)
    return problems.problem_response(request, Problem("failure"))
