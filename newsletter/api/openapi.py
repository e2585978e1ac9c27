"""Parts of the OpenAPI 3.1 document that endpoints share: headers, parameters and problems."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from newsletter.api.problems import MEDIA_TYPE

type JsonObject = dict[str, Any]


@dataclass(frozen=True)
class EndpointSpec:
    """What an endpoint requires of a request, and its success status.

    has_key: an Idempotency-Key. has_match: If-Match. takes: the media type of the body.
    """

    method: str
    status: int = 200
    has_key: bool = False
    has_match: bool = False
    takes: str = "application/json"


TEXT: JsonObject = {"type": "string"}
HEADERS: dict[str, JsonObject] = {
    "ETag": {"schema": TEXT, "description": "The state that was answered: for If-Match and If-None-Match."},
    "Location": {"schema": TEXT, "description": "Where it is from now on."},
    "X-Request-ID": {"schema": TEXT, "description": "The request's number in the server's log."},
}
PROBLEM: JsonObject = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "instance", "request"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The kind, where the documentation explains it."},
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "instance": {"type": "string", "description": "The address that was asked."},
        "request": {"type": "string", "description": "Its number in the server's log."},
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


def _named(*names: str) -> JsonObject:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}


ANY_PROBLEM: JsonObject = {
    "description": "A problem: the page /api/docs/ lists what kinds there are.",
    "headers": _named(),
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def response_specs(demands: EndpointSpec) -> dict[int | str, JsonObject]:
    """All responses; the body of the successful one is described by its schema."""
    own = ("Location",) if demands.status == HTTPStatus.CREATED else ()
    found: dict[int | str, JsonObject] = {
        demands.status: {"headers": _named(*own)},
        "default": {"$ref": "#/components/responses/Problem"},
    }
    if demands.method == "GET":
        found[304] = {"description": "Who asks has it already.", "headers": _named("ETag")}
    return found


def parameter_specs(demands: EndpointSpec) -> list[JsonObject]:
    found = [_header("Accept-Language", "zh-Hant or en: the language of problems.")]
    if demands.has_key:
        key = TEXT | {"minLength": 1, "maxLength": 200}
        found.append(_header("Idempotency-Key", "Your own name of this request, kept for a day.", key, required=True))
    if demands.has_match:
        found.append(_header("If-Match", "The ETag that you have seen, or *.", required=True))
    if demands.method == "GET":
        found.append(_header("If-None-Match", "An ETag that you have: then it may be 304."))
    return found


def _header(name: str, description: str, schema: JsonObject = TEXT, *, required: bool = False) -> JsonObject:
    return {"in": "header", "name": name, "schema": schema, "required": required, "description": description}
