"""Authorization: every endpoint, with its scope and the roles that may use it, tried by all roles.

The table is compared with the OpenAPI document, so that a new endpoint needs a row.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from newsletter.api import v1
from newsletter.api.tokens import SCOPES
from newsletter.posts.models import Image
from subscribers.models import Suppression, address_hash
from tests.api.conftest import Program
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
ROLES = ("nobody", "writer", "reader-care", "editor", "owner")
WRITERS, EDITORS, OWNERS = ("writer", "editor", "owner"), ("editor", "owner"), ("owner",)
CARERS = ("reader-care", "owner")


@dataclass(frozen=True)
class Row:
    """scope, roles: needed for an endpoint. body: of the request."""

    scope: str
    roles: tuple[str, ...]
    body: Any = None


TABLE = {
    "GET /api/v1/posts": Row("posts:read", WRITERS),
    "POST /api/v1/posts": Row("posts:write", WRITERS, {"title": "題", "body": "文"}),
    "GET /api/v1/posts/{number}": Row("posts:read", WRITERS),
    "PATCH /api/v1/posts/{number}": Row("posts:write", WRITERS, {"title": "新"}),
    "POST /api/v1/posts/{number}/publish": Row("posts:publish", EDITORS),
    "POST /api/v1/posts/{number}/withdraw": Row("posts:publish", EDITORS),
    "GET /api/v1/posts/{number}/preview": Row("posts:read", WRITERS),
    "GET /api/v1/posts/{number}/check": Row("posts:read", WRITERS),
    "POST /api/v1/texts/preview": Row("posts:write", WRITERS, {"body": "文"}),
    "POST /api/v1/texts/check": Row("posts:write", WRITERS, {"body": "文"}),
    "POST /api/v1/texts/fix": Row("posts:write", WRITERS, {"body": "文"}),
    "GET /api/v1/pictures": Row("posts:read", WRITERS),
    "POST /api/v1/pictures": Row("posts:write", WRITERS),
    "GET /api/v1/pictures/{id}": Row("posts:read", WRITERS),
    "PATCH /api/v1/pictures/{id}": Row("posts:write", EDITORS, {"alt": "新"}),
    "GET /api/v1/tags": Row("posts:read", WRITERS),
    "GET /api/v1/tags/{number}": Row("posts:read", WRITERS),
    "PATCH /api/v1/tags/{number}": Row("posts:write", EDITORS, {"name": "新"}),
    "GET /api/v1/health": Row("health:read", OWNERS),
    "GET /api/v1/issues": Row("issues:read", EDITORS),
    "POST /api/v1/issues": Row("issues:write", EDITORS, {"subject": "主旨", "number": 900_001}),
    "GET /api/v1/issues/{number}": Row("issues:read", EDITORS),
    "PATCH /api/v1/issues/{number}": Row("issues:write", EDITORS, {"subject": "新"}),
    "GET /api/v1/issues/{number}/rehearsal": Row("issues:read", EDITORS),
    "POST /api/v1/issues/{number}/rehearsal": Row("issues:write", EDITORS, {}),
    "POST /api/v1/issues/{number}/schedule": Row("issues:schedule", EDITORS, {"at": "next-slot"}),
    "GET /api/v1/issues/{number}/mailing": Row("issues:read", EDITORS),
    "POST /api/v1/issues/{number}/mailing/cancel": Row("issues:schedule", EDITORS),
    "POST /api/v1/issues/{number}/mailing/pause": Row("issues:schedule", EDITORS),
    "POST /api/v1/issues/{number}/mailing/resume": Row("issues:schedule", EDITORS),
    "GET /api/v1/issues/{number}/result": Row("issues:read", EDITORS),
    "GET /api/v1/readers": Row("readers:read", CARERS),
    "POST /api/v1/readers": Row("readers:write", CARERS, {"email": "new@example.org", "consent": "Yes."}),
    "GET /api/v1/readers/{number}": Row("readers:read", CARERS),
    "DELETE /api/v1/readers/{number}": Row("readers:write", CARERS),
    "POST /api/v1/readers/{number}/tag": Row("readers:write", CARERS, {"tag": "taipei"}),
    "POST /api/v1/readers/{number}/untag": Row("readers:write", CARERS, {"tag": "taipei"}),
    "POST /api/v1/readers/{number}/pause": Row("readers:write", CARERS, {"until_on": "2026-12-24"}),
    "POST /api/v1/readers/{number}/resume": Row("readers:write", CARERS, {}),
    "POST /api/v1/readers/{number}/unsubscribe": Row("readers:write", CARERS, {}),
    "GET /api/v1/readers/{number}/deliveries": Row("deliveries:read", OWNERS),
    "GET /api/v1/readers/export": Row("readers:export", OWNERS),
    "GET /api/v1/suppressions": Row("readers:read", CARERS),
    "POST /api/v1/suppressions": Row("readers:write", CARERS, {"email": "never@example.org"}),
    "GET /api/v1/suppressions/{number}": Row("readers:read", CARERS),
    "DELETE /api/v1/suppressions/{number}": Row("readers:write", OWNERS),
    "GET /api/v1/events": Row("events:read", OWNERS),
}
# What is open and cannot be done with what the world here has.
NOT_NOW = {
    "POST /api/v1/pictures": 422,  # a form, tried in test_texts.py
    "POST /api/v1/issues/{number}/schedule": 409,  # not rehearsed
    "POST /api/v1/issues/{number}/mailing/cancel": 404,
    "POST /api/v1/issues/{number}/mailing/pause": 404,
    "POST /api/v1/issues/{number}/mailing/resume": 404,
    "GET /api/v1/issues/{number}/result": 404,
}
FORMS = {"POST /api/v1/pictures"}
GOOD = {200, 201, 202, 204}


def _operations():
    return {f"{method.upper()} {path}": one for path, method, one in v1.operations(v1.openapi_document())}


def make_suppression(email):
    return Suppression.objects.create(email=email, address_hash=address_hash(email), reason="manual")


@pytest.fixture
def make_world():
    """A factory of rows for the endpoints; returns URLs by their patterns."""
    make_publication()

    def made(user):
        draft = make_post(f"draft of {user}", tags=("tag",), created_by=user, published_at=None)
        digest = f"{draft.pk:016}"
        Image.objects.create(digest=digest, name="a.png", alt="a", width=1, height=1)
        issue = make_issue(draft)
        return {
            "/posts/{number}": draft.pk,
            "/issues/{number}": issue.number,
            "/readers/{number}": make_subscriber().pk,
            "/suppressions/{number}": make_suppression(f"barred{draft.pk}@example.org").pk,
            "/tags/{number}": draft.tags.get().pk,
            "/pictures/{id}": digest,
        }

    return made


def _address(path, world):
    for pattern, value in world.items():
        head, _brace, _rest = pattern.partition("{")
        if path.removeprefix("/api/v1").startswith(head) and "{" in path:
            return f"/api/v1{head}{value}{path.partition('}')[2]}"
    return path


def _program(role, *scopes):
    user = User.objects.create_superuser("owner") if role == "owner" else make_helper(*[role] * (role != "nobody"))
    return Program(user, *scopes)


def _ask(program, name, world):
    method, path = name.split(" ")
    form = {"content_type": "multipart/form-data; boundary=x"} if name in FORMS else {}
    return program.ask(method, _address(path, world), TABLE[name].body, match="*" * (method != "GET"), **form)


def test_the_table_has_every_endpoint_and_no_other():
    assert TABLE.keys() == _operations().keys()


def test_the_table_says_what_the_description_says():
    said = {name: one["x-scope"] for name, one in _operations().items() if name in TABLE}

    assert said == {name: row.scope for name, row in TABLE.items()}


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer nl_" + "0" * 48}], ids=["none", "unknown"])
def test_without_a_token_nothing_opens(make_world, headers):
    world, found = make_world(make_helper()), {}
    for name in TABLE:
        method, path = name.split(" ")
        cache.clear()  # so many guesses of one client would be refused as such
        found[name] = Client().generic(method, _address(path, world), headers=headers).status_code

    assert found == dict.fromkeys(TABLE, 401)


def test_with_every_other_scope_nothing_opens(make_world):
    user = _program("owner").user
    programs = {row.scope: Program(user, *(SCOPES.keys() - {row.scope})) for row in TABLE.values()}
    world, found = make_world(user), {}
    for name, row in TABLE.items():
        answer = _ask(programs[row.scope], name, world)
        found[name] = answer.status_code, row.scope in answer.json()["detail"]

    assert found == dict.fromkeys(TABLE, (403, True))


def test_a_number_has_one_spelling_and_none_is_longer_than_what_is_kept_of_an_address(make_world):
    user = _program("owner").user
    world, found = make_world(user), {}
    numbered = {pattern: f"{value:0260}" for pattern, value in world.items() if "{number}" in pattern}
    for name in (name for name in TABLE if "{number}" in name):
        found[name] = _ask(Program(user), name, numbered).status_code

    assert len(found) > 20
    assert found == dict.fromkeys(found, 404)


@pytest.mark.parametrize("role", ROLES)
def test_with_its_scope_alone_an_endpoint_opens_to_the_roles_that_may(make_world, role):
    user = _program(role).user
    programs = {row.scope: Program(user, row.scope) for row in TABLE.values()}
    world, found = make_world(user), {}
    for name, row in TABLE.items():
        with transaction.atomic():
            found[name] = _ask(programs[row.scope], name, world).status_code
            transaction.set_rollback(True)  # the next one finds the world as it was

    refused = {name for name, status in found.items() if status == 403}
    assert refused == {name for name, row in TABLE.items() if role not in row.roles}
    wrong = {name: status for name, status in found.items() if name not in refused and status not in GOOD}
    assert wrong == {name: status for name, status in NOT_NOW.items() if name not in refused}
