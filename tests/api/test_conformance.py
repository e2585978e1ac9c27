"""The API does what it says: schemathesis asks each endpoint what its description allows, and what it forbids.

No 500, and each answer has a status, a type, headers and a body as they are described. A few hundred cases each time;
ten thousand by: API_CASES=10000 uv run --dev pytest -n 0 -m exhaustive tests/api/test_conformance.py --timeout 3600
"""

import os
from functools import cache
from typing import Any

import pytest
from django.core import signals
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings

from newsletter.api import auth, v1
from newsletter.issues.models import Issue
from newsletter.operation.accounts.roles import OWNER
from newsletter.posts.models import Image
from newsletter.wsgi import application
from tests.api.conftest import Program
from tests.factories import make_findable_post, make_helper, make_issue, make_publication

# One process reads the description, and what it takes to think of values for it.
pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("conformance")]
OPERATIONS = [f"{method.upper()} {path}" for path, method, _one in v1.operations(v1.openapi_document())]
# One that takes nothing cannot be asked in a wrong way.
TAKING = [
    f"{method.upper()} {path}"
    for path, method, one in v1.operations(v1.openapi_document())
    if one["parameters"] or "requestBody" in one
]
ASKED = [
    *((name, "positive") for name in OPERATIONS),
    *((name, "negative") for name in TAKING),
]
CASES = max(1, int(os.environ.get("API_CASES", "300")) // len(ASKED))  # of an endpoint, valid and not
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture
def world(settings, tmp_path, monkeypatch):
    """Rows of each kind, with the ids that schemathesis tries most: 1, and those in lists."""
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(auth, "REQUESTS_MAX", 10**9)
    make_publication()
    post = make_findable_post("管理槓桿", body="第一段。", tags=("lever",))
    make_issue(post, number=1, sent_at=post.published_at)
    Image.objects.create(digest="0" * 16, name="a.png", alt="圖", width=1, height=1)
    ends = [signals.request_started, signals.request_finished]
    for end in ends:  # as Django's own test client does
        end.disconnect(close_old_connections)
    yield Program(make_helper(OWNER)), {"number": post.pk, "id": "0" * 16}
    for end in ends:
        end.connect(close_old_connections)


@cache  # a second for each: it also looks for constants in all of our modules
def described() -> Any:
    """The schema as loaded by schemathesis, whose import is slow."""
    from schemathesis import openapi

    return openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "mode"), ASKED, ids=[f"{name} {mode}" for name, mode in ASKED])
def test_an_endpoint_answers_as_it_is_described(world, name, mode):
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS

    program, numbers = world
    method, path = name.split(" ")
    operation = described()[path][method]
    checks = [CHECKS.get_one(one) for one in NAMES]

    @settings(
        max_examples=CASES,
        phases=[Phase.explicit, Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=False,
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def asked(case):
        exists = case.path_parameters and len(str(case.body or "")) % 2
        if exists:  # every other time something that is there, else nearly all would be 404
            wanted = {"number": Issue.objects.get().number} if "issues" in path else numbers
            case.path_parameters |= {key: wanted[key] for key in case.path_parameters if key in wanted}
        if exists and "If-Match" in (case.headers or {}):
            case.headers["If-Match"] = "*"
        headers = {"Authorization": f"Bearer {program.secret}", "Accept-Encoding": "identity"}
        response = case.call(headers=headers)
        case.validate_response(response, checks=checks)

    asked()
