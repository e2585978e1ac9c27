"""What the description of the API (OpenAPI 3.1) says of every endpoint alike: demands, headers and problems."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from newsletter.api.problems import KINDS, MEDIA_TYPE

type Facts = dict[str, Any]


@dataclass(frozen=True)
class Demands:
    """What an endpoint asks of a request, and with which status it answers when all is well.

    fields: the names that `fields=` may choose. has_key: it needs an Idempotency-Key. has_match: it needs If-Match.
    takes: the media type of its body.
    """

    method: str
    status: int = 200
    fields: tuple[str, ...] = ()
    has_key: bool = False
    has_match: bool = False
    takes: str = "application/json"


TEXT: Facts = {"type": "string"}
HEADERS: dict[str, Facts] = {
    "ETag": {"schema": TEXT, "description": "The state that was answered: for If-Match and If-None-Match."},
    "Link": {"schema": TEXT, "description": 'The next page, as rel="next".'},
    "Location": {"schema": TEXT, "description": "Where it is from now on."},
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."},
    "WWW-Authenticate": {"schema": TEXT, "description": "Bearer."},
    "Allow": {"schema": TEXT, "description": "The methods of this address."},
    "X-Request-ID": {"schema": TEXT, "description": "The number of the request, as in our log."},
}
ALWAYS = ("X-Request-ID",)
PROBLEM: Facts = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "instance", "request"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The kind, where the documentation explains it."},
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "instance": {"type": "string", "description": "The address that was asked."},
        "request": {"type": "string", "description": "Its number in our log."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": TEXT,
                    "pointer": {"type": "string", "description": "Where in the body (RFC 6901)."},
                    "parameter": {"type": "string", "description": "Which parameter of the address."},
                },
            },
        },
    },
}
_OF_STATUS = {405: ("Allow",), 401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def named(names: Sequence[str]) -> Facts:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_responses() -> dict[str, Facts]:
    """Return the component of each status that a problem may have."""
    found: dict[str, Facts] = {}
    for kind in KINDS.values():
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        headers = named([*ALWAYS, *_OF_STATUS.get(kind.status, ())])
        found.setdefault(
            f"Problem{kind.status}", {"description": str(kind.title), "headers": headers, "content": content}
        )
    return found


def responses_of(demands: Demands) -> dict[int, Facts]:
    """Return every answer but the body of the good one, which its schema describes."""
    own = [*ALWAYS, *(("Location",) if demands.status == HTTPStatus.CREATED else ())]
    found: dict[int, Facts] = {demands.status: {"headers": named(own)}}
    if demands.method == "GET":
        found[304] = {"description": "Who asks has it already.", "headers": named(["ETag", *ALWAYS])}
    for number in _problems(demands):
        found[number] = {"$ref": f"#/components/responses/Problem{number}"}
    return found


def public_responses() -> dict[int, Facts]:
    """Return every answer of the part that needs no token, but the body of the good one."""
    found: dict[int, Facts] = {200: {"headers": named([*ALWAYS, "ETag", "Link"])}}
    found[304] = {"description": "Who asks has it already.", "headers": named(["ETag", *ALWAYS])}
    return found | {number: {"$ref": f"#/components/responses/Problem{number}"} for number in (404, 422, 429, 500, 503)}


def _problems(demands: Demands) -> Iterator[int]:
    yield from (400, 401, 403, 404, 422, 429, 500, 503)
    if demands.method != "GET":
        yield from (409, 413, 415)
    if demands.has_match:
        yield from (412, 428)


def parameters_of(demands: Demands) -> list[Facts]:
    """Return the parameters that are read by every endpoint of a kind."""
    found = [_header("Accept-Language", "zh-Hant or en: the language of problems.")]
    if demands.has_key:
        key = TEXT | {"minLength": 1, "maxLength": 200}
        found.append(_header("Idempotency-Key", "Your own name of this request, kept for a day.", key, required=True))
    if demands.has_match:
        found.append(_header("If-Match", "The ETag that you have seen, or *.", required=True))
    if demands.method == "GET":
        found.append(_header("If-None-Match", "An ETag that you have: then it may be 304."))
    if demands.fields:
        found.append(_fields(demands.fields))
    return found


def _header(name: str, description: str, schema: Facts = TEXT, *, required: bool = False) -> Facts:
    return {"in": "header", "name": name, "schema": schema, "required": required, "description": description}


def _fields(names: Sequence[str]) -> Facts:
    items = {"type": "string", "enum": list(names)}
    return {
        "in": "query",
        "name": "fields",
        "required": False,
        "description": "The fields that you want, separated by commas; without it those that are usual.",
        "style": "form",
        "explode": False,
        "schema": {"type": "array", "items": items},
    }
