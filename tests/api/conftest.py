"""API clients and helpers."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from newsletter.api.tokens import SCOPES
from newsletter.operation.accounts.roles import EDITOR
from tests.factories import make_helper, make_publication, make_token

ROOT = "/api/v1"


class Program:
    """A client with the token of an account. Each POST has an Idempotency-Key of its own unless it is given one."""

    def __init__(self, user: Any, *scopes: str, **fields: Any) -> None:
        self.user = user
        self.token, self.secret = make_token(user, scopes or SCOPES, **fields)
        self.client, self.count = Client(), 0

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        match: str = "",
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        self.count += 1
        sent = {"authorization": f"Bearer {self.secret}"}
        sent |= {"idempotency-key": f"key-{self.count}"} if method == "POST" else {}
        sent |= {"if-match": match} if match else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = b"" if body is None else json.dumps(body)
        address = path if path.startswith("/api") else ROOT + path
        return self.client.generic(method, address, data, content_type=content_type, headers=sent)

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.ask("POST", path, body, **more)

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        return self.ask("PATCH", path, body, **more)


@pytest.fixture
def editor(db):
    """The program of an editor, with all scopes."""
    make_publication()
    return Program(make_helper(EDITOR, name="edith"))


def queries(ask: Any) -> list[str]:
    """The queries of a request, but for those that look now and then whether what is kept is still fresh."""
    with CaptureQueriesContext(connection) as captured:
        assert ask().status_code == 200
    kept = ("publication_siteversion", '"publication_publication"."id"')
    return [one["sql"] for one in captured.captured_queries if not any(name in one["sql"] for name in kept)]
