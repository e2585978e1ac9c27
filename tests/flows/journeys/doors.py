"""Every door through which a person changes something, and the journeys that go through it."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from newsletter.desk.settings.publication import section_view

if TYPE_CHECKING:
    from playwright.sync_api import Response

FORM = re.compile(r"POST\b|@\w*_post\b")  # of a view: it reads a form, or is guarded by a decorator for one
CALLED = {"admin:password_change", "admin:logout", "admin:setup"}  # what their views call reads the form
ROW_VERBS = ("add", "change", "delete", "put_back", "restore")


def opened_by(response: "Response", site: str) -> Iterator[str]:
    """The name of the address that a browser has sent a form to, unless it was refused."""
    if (
        response.request.method == "POST"
        and response.ok | (300 <= response.status < 400)
        and response.url.startswith(site)
    ):
        yield resolve(urlsplit(response.url).path).view_name


def named_by(journey: Callable[..., Any]) -> set[str]:
    """The doors of the mark of a journey."""
    return {door for mark in getattr(journey, "pytestmark", ()) if mark.name == "doors" for door in mark.args}


def all_doors() -> set[str]:
    """Names of the addresses that take a form: of site and desk, not of the API."""
    return {name for name, view in _views(get_resolver().url_patterns) if _takes_forms(name, view)}


def _views(patterns: Iterable[URLPattern | URLResolver], namespace: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _views(pattern.url_patterns, inner)
        elif pattern.name:
            yield namespace + pattern.name, _unwrapped(pattern.callback)


def _unwrapped(view: Any) -> Any:
    while isinstance(view, partial) or hasattr(view, "__wrapped__"):
        view = view.func if isinstance(view, partial) else view.__wrapped__
    return view


def _takes_forms(name: str, view: Any) -> bool:
    return name in _rows() | CALLED or view is section_view or bool(FORM.search(inspect.getsource(view)))


def _rows() -> set[str]:
    """The addresses of Django's own views that write."""
    models = [f"admin:{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry]
    return {f"{model}_{verb}" for model in models for verb in ROW_VERBS}
