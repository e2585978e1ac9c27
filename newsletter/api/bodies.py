"""How much a program may send: as much as the desk if it has a token, else as little as any stranger."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from newsletter.api import problems, tokens
from newsletter.publication import bodies

PREFIX, IMPORTS = "/api/v1/", "/api/v1/imports"


def limit(environ: dict[str, Any]) -> int:
    """Return how many bytes a request may send. Asks the database for its token."""
    if tokens.carried(environ, timezone.now()) is None:
        return bodies.PUBLIC
    return bodies.READERS if environ.get("PATH_INFO") == IMPORTS else bodies.DESK


def refused(request: HttpRequest, most: int) -> HttpResponse:
    return problems.answer(request, problems.TooLarge(most))


def register() -> None:
    bodies.DOORS[PREFIX] = bodies.Door(limit, refused)
