"""How a body and a query are read: strictly, so that nothing comes in that a database or a mail cannot hold."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from newsletter.api.problems import Error, Problem


class StrictParser(Parser):
    """JSON in UTF-8 (RFC 8259 section 8.1), without NaN, lone surrogates and NUL."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            text = request.body.decode()
            data = json.loads(text, parse_constant=_refused)
            json.dumps(data, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise Problem("malformed") from error
        if "\\u0000" in text and _has_nul(data):
            raise Problem("malformed")
        return data

    def parse_querydict(self, data: Any, list_fields: list[str], request: HttpRequest) -> dict[str, Any]:
        for name, values in data.lists():
            if any(isinstance(value, str) and "\0" in value for value in values):
                raise Problem("invalid", errors=[Error("U+0000", parameter=name)])
        found: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        return found


def _refused(word: str) -> None:
    raise ValueError(word)


def _has_nul(data: Any) -> bool:
    if isinstance(data, str):
        return "\0" in data
    if isinstance(data, dict):
        return any(_has_nul(one) for pair in data.items() for one in pair)
    return isinstance(data, list) and any(map(_has_nul, data))
