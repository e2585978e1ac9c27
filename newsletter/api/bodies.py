"""How much a program may send: as much as the desk if it has a token, else as little as any stranger."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from newsletter.api import problems, tokens
from newsletter.publication.limits import bodies

PREFIX = "/api/v1/"


def limit(environ: dict[str, Any]) -> int:
    """Return how many bytes a request may send. Asks the database for its token."""
    return bodies.DESK if tokens.carried(environ, timezone.now()) else bodies.PUBLIC


def refused(request: HttpRequest, most: int) -> HttpResponse:
    return problems.answer(request, problems.TooLarge(most))


def register() -> None:
    bodies.DOORS[PREFIX] = bodies.Door(limit, refused)
