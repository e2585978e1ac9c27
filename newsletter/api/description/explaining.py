"""The description of the API as a page has it: subjects, endpoints, fields in a line each. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from newsletter.api.describing import Facts
from newsletter.api.problems import KINDS
from newsletter.api.scopes import SCOPES

SUBJECTS = {"public": "Without a token", "posts": "Posts", "pictures": "Pictures", "tags": "Tags", "health": "Health"}
METHODS = ("get", "post", "patch", "put", "delete")


@dataclass(frozen=True)
class Field:
    """One field or parameter. kind: in plain words, as “text, at most 120”."""

    name: str
    kind: str
    about: str = ""
    is_needed: bool = False


@dataclass(frozen=True)
class Entry:
    """One endpoint."""

    name: str
    method: str
    path: str
    summary: str
    about: str
    scope: str
    parameters: list[Field]
    body: list[Field]
    answer: list[Field]
    status: str


def sections(made: Facts) -> dict[str, Any]:
    """Return what the template of the page shows. about: paragraphs in pieces, each with whether it is code."""
    entries: dict[str, list[Entry]] = {}
    for path, operations in made["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                entries.setdefault(operation["tags"][0], []).append(_entry(path, method, operation, made))
    named = {**SUBJECTS, **{tag: tag.capitalize() for tag in entries if tag not in SUBJECTS}}
    return {
        "subjects": [(tag, named[tag], entries[tag]) for tag in named if tag in entries],
        "scopes": [(name, scope.label) for name, scope in SCOPES.items()],
        "problems": [(name, kind) for name, kind in KINDS.items()],
        "about": [list(_pieces(part)) for part in made["info"]["description"].strip().split("\n\n")],
    }


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield what stands between backticks apart from what does not."""
    for place, piece in enumerate(text.split("`")):
        yield piece, place % 2 == 1


def _entry(path: str, method: str, operation: Facts, made: Facts) -> Entry:
    text: str = operation.get("description") or operation["summary"]
    summary, _line, about = text.partition("\n")
    status = next(status for status in operation["responses"] if status.startswith("2"))
    return Entry(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=summary,
        about=" ".join(about.split()),
        scope=operation.get("x-scope", ""),
        parameters=[_parameter(one) for one in operation["parameters"] if one["name"] not in _EVERYWHERE],
        body=list(_body(operation, made)),
        answer=[replace(field, is_needed=False) for field in _fields(_content(operation["responses"][status]), made)],
        status=status,
    )


_EVERYWHERE = {"Accept-Language", "If-None-Match", "Idempotency-Key", "If-Match"}  # the page says it once


def _parameter(one: Facts) -> Field:
    return Field(one["name"], _kind(one["schema"]), one.get("description", ""), bool(one.get("required")))


def _body(operation: Facts, made: Facts) -> Iterator[Field]:
    return _fields(_content(operation.get("requestBody", {})), made)


def _content(holder: Facts) -> Facts:
    """Return the schema of a body."""
    contents: Facts = holder.get("content", {})
    found: Facts = next((one["schema"] for one in contents.values()), {})
    return found


def _fields(schema: Facts, made: Facts) -> Iterator[Field]:
    """Yield the fields of an object; of a page of a list also those of its items."""
    schema = _followed(schema, made)
    needed = schema.get("required", [])
    for name, one in schema.get("properties", {}).items():
        yield Field(name, _kind(one), one.get("description", ""), name in needed)
        if name == "items":
            for field in _fields(one.get("items", {}), made):
                yield Field(f"items[].{field.name}", field.kind, field.about)


def _followed(schema: Facts, made: Facts) -> Facts:
    """Return a schema in place of a reference to it."""
    while "$ref" in schema:
        schema = made["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


_WORDS = {"string": "text", "integer": "number", "number": "number", "boolean": "true or false", "object": "object"}
_FORMATS = {"date-time": "time", "uri": "address", "binary": "file"}


def _kind(schema: Mapping[str, Any]) -> str:
    """Return in plain words what a value is."""
    if parts := schema.get("anyOf") or schema.get("allOf"):
        return " or ".join(dict.fromkeys(_kind(part) for part in parts))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if choices := schema.get("enum"):
        return "one of " + ", ".join(map(str, choices))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kind = _FORMATS.get(schema.get("format", "")) or _WORDS.get(schema.get("type", ""), schema.get("type", "anything"))
    most = schema.get("maxLength") or schema.get("maximum")
    return f"{kind}, at most {most:,}" if most and most < 2**53 else kind
