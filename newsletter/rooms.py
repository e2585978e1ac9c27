"""The addresses of a room, which are loaded when one of them is asked for, and what several rooms have in theirs.

A lane asks for those of readers alone.
"""

from typing import Any

from django.urls import URLResolver, get_resolver, register_converter
from django.urls.converters import IntConverter
from django.urls.resolvers import RoutePattern


class Room(URLResolver):
    """What `path(route, include(module))` makes, but for the moment in which the module is loaded.

    `include` loads it at once, to read its `app_name`, and Django collects the names of all rooms before the first
    `reverse`. A link to a reader's own page then costs a lane the screens of the desk: 6 MB, and 0.3 s of CPU before
    the first mail.
    """

    def __init__(self, route: str, module: str, namespace: str) -> None:
        super().__init__(RoutePattern(route), module, app_name=namespace, namespace=namespace)
        self._is_asked = False

    @property
    def reverse_dict(self) -> Any:
        self._is_asked = True
        return super().reverse_dict

    def _populate(self) -> None:
        """Collect the names within, if one of this room was asked for: the namespace is enough for the others."""
        if self._is_asked:
            super()._populate()


class NumberConverter(IntConverter):
    """A number in its one spelling: each other one, as 007, would be another address of the same page."""

    regex = "0|[1-9][0-9]{0,9}"


register_converter(NumberConverter, "number")


def load() -> None:
    """Load the addresses of all rooms, and so every page."""
    for one in get_resolver().url_patterns:
        if isinstance(one, URLResolver):
            one.url_patterns  # noqa: B018 - it loads them
