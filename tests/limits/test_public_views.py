""""""

import re
from datetime import UTC, datetime

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import URLResolver, get_resolver
from django.utils import timezone, translation

from newsletter.limits.public_views import private_view, retry_time_text, same_origin, too_many_requests
from tests.factories import make_publication

pytestmark = pytest.mark.django_db


@same_origin
def door(request):
    return HttpResponse("open")


def post(**headers: str):
    make_publication()
    return door(RequestFactory().post("/door/", headers=headers | {"Host": "news.example.org"}))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://news.example.org"},
        {"Origin": "http://news.example.org"},
        {"Origin": "null"},  # a page with no-referrer, in a browser that does not send Sec-Fetch-Site
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_form_of_this_site_opens_the_door_without_a_token(headers):
    assert post(**headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://news.example.org.evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://other.example.org", "Sec-Fetch-Site": "same-site"},
        {"Origin": "nonsense"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_form_of_another_site_does_not(headers):
    response = post(**headers)

    assert response.status_code == 403
    with translation.override("en"):
        assert "That did not come from here" in post(**headers).content.decode()


PROGRAMS = {"subscribe/", "webhooks/<str:provider>/tracking/", "api/"}  # and a sign-up, which fills in the address


def doors(patterns, before=""):
    """Yield the route of each view that takes a form without a CSRF token."""
    for one in patterns:
        route = before + str(one.pattern).lstrip("^")
        if isinstance(one, URLResolver):
            yield from doors(one.url_patterns, route)
        elif getattr(one.callback, "csrf_exempt", False) and not route.startswith(tuple(PROGRAMS)):
            yield route


def test_no_page_takes_a_form_of_another_site(client):
    make_publication()
    routes = list(doors(get_resolver().url_patterns))

    answers = [
        client.post("/" + re.sub("<[^>]+>", "1", route), headers={"Origin": "https://evil.example"}).status_code
        for route in routes
    ]

    assert dict(zip(routes, answers, strict=True)) == dict.fromkeys(routes, 403)
    assert {"unsubscribe/<str:token>/", "cancel/<str:token>/", "preferences/"} <= set(routes)


def test_an_address_that_opens_something_is_kept_to_its_owner():
    response = private_view(door)(RequestFactory().get("/door/"))

    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert response.headers["Cache-Control"] == "no-store, private"


def test_too_many_says_when_to_come_back():
    make_publication()

    with translation.override("en"):
        response = too_many_requests(RequestFactory().get("/door/"), seconds=600)

    assert (response.status_code, response.headers["Retry-After"]) == (429, "600")
    assert "One moment, please" in response.content.decode()


@pytest.mark.parametrize(
    ("seconds", "language", "words"),
    [
        (600, "en", "14:20"),
        (601, "en", "14:21"),
        (36_000, "en", "November 25, 00:10"),
        (36_000, "zh-hant", "11月25日 00:10"),
    ],
)
def test_a_door_opens_at_a_time_of_the_day_here(seconds, language, words):
    now = datetime(2026, 11, 24, 6, 10, tzinfo=UTC)

    with translation.override(language), timezone.override("Asia/Taipei"):
        assert retry_time_text(seconds, now) == words
