"""Authentication: tokens, scopes, users, networks and expiry."""

import logging
import os
import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from newsletter.api import auth
from newsletter.api.models import Token
from tests.api.conftest import Program
from tests.factories import make_publication
from tests.support.product import ROOT

pytestmark = pytest.mark.django_db
HEALTH = "/api/v1/health"


@pytest.fixture
def owner():
    make_publication()
    return Program(User.objects.create_superuser("gipi"))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nl_", "Bearer nl_0000", "Basic Z2lwaTpw", "bearer \x00"])
def test_without_a_token_that_is_known_nothing_opens(owner, header):
    answer = Client().get(HEALTH, headers={"authorization": header} if header else {})

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="newsletter"'
    assert answer.json()["type"] == "https://news.example.org/api/docs/#problem-unauthorized"


def test_nothing_but_a_request_of_a_program_loads_what_answers_it(tmp_path):
    code = """
import sys
import newsletter.wsgi
from django.contrib import admin
from django.urls import get_resolver, reverse
get_resolver().url_patterns, reverse("api:docs"), admin.site.urls
print({"ninja", "pydantic"} & set(sys.modules))
from django.urls import resolve
resolve("/api/v1/health", "newsletter.api.v1")
print({"ninja", "pydantic"} <= set(sys.modules))
"""
    env = os.environ | {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "newsletter.settings"}

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)

    assert done.stdout.split("\n")[:2] == ["set()", "True"]


def test_a_token_does_no_more_than_its_user_may_at_that_moment(owner):
    user = User.objects.create_superuser("second")
    program = Program(user)
    assert program.get("/health").status_code == 200

    User.objects.filter(pk=user.pk).update(is_superuser=False)

    answer = program.get("/health")
    assert answer.status_code == 403
    assert answer.json()["detail"] == "The account of the token lacks the right “publication.view_publication”."


@pytest.mark.parametrize("closed", ["is_active", "is_staff"])
def test_the_tokens_of_a_closed_account_are_dead(owner, closed):
    User.objects.filter(pk=owner.user.pk).update(**{closed: False})

    assert owner.get("/health").status_code == 401


def test_a_token_ends(owner, time_machine):
    time_machine.move_to("2026-05-01 10:00:00+08:00")
    program = Program(owner.user, "health:read", ends_at=timezone.now() + timedelta(days=1))
    assert program.get("/health").status_code == 200

    time_machine.shift(timedelta(days=1, seconds=1))

    assert program.get("/health").status_code == 401


def test_the_owner_who_must_have_a_second_factor_and_has_none_is_not_let_in_by_a_token_either(owner):
    make_publication(owners_need_second_factor=True)

    assert owner.get("/health").status_code == 401


@pytest.mark.parametrize(
    ("networks", "status"), [("127.0.0.0/8", 200), ("192.0.2.0/24\n127.0.0.1", 200), ("::1/128", 403)]
)
def test_a_token_is_taken_from_its_networks_alone(owner, networks, status):
    program = Program(owner.user, "health:read", networks=networks)

    assert program.get("/health").status_code == status


def test_the_last_use_is_written_once_a_minute(owner, time_machine):
    time_machine.move_to("2026-05-01 10:00:00+08:00", tick=False)
    owner.get("/health")
    first = Token.objects.get().used_at
    time_machine.shift(59)
    owner.get("/health")
    second = Token.objects.get().used_at
    time_machine.shift(1)
    owner.get("/health")

    assert first == second
    assert Token.objects.get().used_at == first + timedelta(minutes=1)


def test_only_a_hash_of_a_token_is_stored(owner):
    row = Token.objects.values().get()

    assert owner.secret not in str(row)
    assert len(owner.secret) == 51
    assert row["prefix"] == owner.secret[:11]


def test_a_program_that_asks_too_often_is_told_when_to_come_again(owner, monkeypatch):
    monkeypatch.setattr(auth, "REQUESTS_MAX", 3)

    with time_machine.travel("2026-10-28T08:00:41Z", tick=False):
        answers = [owner.get("/health") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["title"] == "Too many requests"
    assert answers[3].headers["Retry-After"] == "19"


def test_who_guesses_tokens_is_stopped(owner, monkeypatch):
    monkeypatch.setattr(auth, "WRONG_TOKENS_MAX", 2)
    client = Client()

    statuses = [client.get(HEALTH, headers={"authorization": f"Bearer nl_{n}"}).status_code for n in range(3)]

    assert statuses == [401, 401, 429]
    assert owner.get("/health").status_code == 200


def test_no_token_stands_in_the_log(owner, caplog, settings):
    settings.LOG_REQUESTS = True
    with caplog.at_level(logging.DEBUG):
        owner.get("/health")
        owner.get("/nowhere")
        Client().get(HEALTH, headers={"authorization": "Bearer nl_secret"})

    assert "/api/v1/health" in caplog.text
    assert owner.secret not in caplog.text
    assert "nl_secret" not in caplog.text


@pytest.mark.parametrize(
    ("language", "title"),
    [("zh-TW", "這裡什麼都沒有"), ("en-GB,en;q=0.9", "There is nothing here"), ("de", "There is nothing here")],
)
def test_a_problem_speaks_the_language_that_is_asked_for(owner, language, title):
    answer = owner.get("/nowhere", accept_language=language)

    assert (answer.status_code, answer.json()["title"]) == (404, title)
    assert answer.json()["instance"] == "/api/v1/nowhere"
    assert answer.json()["request"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/", "/a\nb", "/posts/1\n", "/public/a\nb", "/public/", "/posts/", "/posts/-1"])
def test_an_address_that_does_not_exist_is_answered_as_a_program_reads_it(owner, path):
    answer = owner.get(path.replace("\n", "%0A"))

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_without_a_database_a_program_is_told_to_come_again(owner, monkeypatch):
    def away(*arguments):
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr("newsletter.api.tokens.token_of_request", away)

    answer = owner.get("/health")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "closed the connection" not in answer.text


def test_a_failure_of_ours_tells_nothing(owner, monkeypatch, caplog):
    monkeypatch.setattr("newsletter.operation.readiness.by_part", lambda: 1 / 0)

    answer = owner.get("/health")

    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in caplog.text
