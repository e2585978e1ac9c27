"""Every way in which an endpoint can fail, as a problem: nothing of ours is told but what the kinds say."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from newsletter.api import problems
from newsletter.api.handling.sentences import sentence
from newsletter.api.problems import Error, Problem

log = logging.getLogger("django.request")
IN_FORM = {"form", "file"}


def register(api: NinjaAPI) -> None:
    """Have the API answer by problems alone."""
    api.add_exception_handler(Problem, _told)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(Http404, lambda request, _error: problems.answer(request, Problem("not-found")))
    api.add_exception_handler(PermissionDenied, lambda request, _error: problems.answer(request, Problem("forbidden")))
    api.add_exception_handler(HttpError, lambda request, _error: problems.answer(request, Problem("malformed")))
    for away in (OperationalError, InterfaceError):
        api.add_exception_handler(away, _away)
    api.add_exception_handler(Exception, _failed)


def _told(request: HttpRequest, problem: Any) -> HttpResponse:
    return problems.answer(request, problem)


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    return problems.answer(request, Problem("invalid", errors=[_error(one) for one in error.errors]))


def _error(one: dict[str, Any]) -> Error:
    """Return what pydantic found, and where."""
    what, (place, *parts) = sentence(one["type"], one.get("ctx", {})), one["loc"]
    if place == "body":  # then follows the name of the view's argument
        parts = parts[1:]
    if place == "body" or place in IN_FORM:
        return Error(what, pointer="".join(f"/{_escaped(part)}" for part in parts))
    return Error(what, parameter=str(parts[-1]) if parts else "")


def _escaped(part: Any) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _away(request: HttpRequest, error: Any) -> HttpResponse:
    log.warning("%s: %s", request.path, error, exc_info=error)
    return problems.answer(request, Problem("unavailable", headers={"Retry-After": "5"}))


def _failed(request: HttpRequest, error: Any) -> HttpResponse:
    log.error("Internal Server Error: %s", request.path, exc_info=error)
    return problems.answer(request, Problem("failure"))
