"""The description of the API: whole, valid, and true of every endpoint; the page for people lists what is in it."""

import re
from html import unescape

import pytest
from django.test import Client
from django.utils import translation

from newsletter.api import v1
from newsletter.api.tokens import SCOPES
from tests.factories import make_publication

pytestmark = pytest.mark.django_db


@pytest.fixture
def described():
    make_publication()
    return Client().get("/api/v1/openapi.json").json()


def test_it_is_openapi_3_1_and_needs_no_token(described):
    assert described["openapi"].startswith("3.1")
    assert described["servers"] == [{"url": "https://news.example.org"}]
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"


def test_it_is_english_whoever_is_the_first_to_ask():
    v1.openapi_document.cache_clear()
    with translation.override("zh-hant"):
        document = v1.openapi_document()

    assert "see who the readers are" in document["components"]["securitySchemes"]["token"]["description"]


def test_each_reference_leads_somewhere(described):
    for reference in set(re.findall(r'"#/([^"]+)"', Client().get("/api/v1/openapi.json").text)):
        found = described
        for part in reference.split("/"):
            found = found[part]


def test_each_endpoint_says_what_opens_it_and_that_it_may_answer_with_a_problem(described):
    for path, method, operation in v1.operations(described):
        statuses = set(operation["responses"])
        assert operation["security"][0]["token"][0] in SCOPES, path
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}, path
        names = {one["name"] for one in operation["parameters"] if one.get("required")}
        assert method != "get" or "304" in statuses
        assert method != "patch" or "If-Match" in names


def test_the_page_for_people_names_every_endpoint_and_every_kind_of_problem_and_leads_on(described):
    page = Client().get("/api/docs/")

    assert page.status_code == 200
    assert "script" not in re.sub(r"<script data-src.*?</script>", "", page.text, flags=re.DOTALL).partition("<main")[2]
    for path, method, operation in v1.operations(described):
        assert f"<code>{method.upper()} {path}</code>" in page.text
        assert operation["summary"] in unescape(page.text)
    assert "docs/api.md" in page.text
    assert 'href="/api/v1/openapi.json"' in page.text
    answer = Client().get("/api/v1/health")
    anchor = answer.json()["type"].partition("#")[2]
    assert f'id="{anchor}"' in page.text
