"""Tokens on the desk: made, shown once, seen by whom they concern, deleted."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from newsletter.api.models import Token
from newsletter.desk.accounts.sessions import PROVEN_AT_KEY
from newsletter.operation.accounts.roles import EDITOR, WRITER
from newsletter.publication.changes import Change
from tests.api.conftest import Program
from tests.factories import make_helper, make_post, make_publication

pytestmark = pytest.mark.django_db
ADD = "/admin/api/token/add/"


@pytest.fixture
def log_in():
    make_publication()

    def logged_in(user):
        client = Client()
        client.force_login(user)
        return client

    return logged_in


def _make(client, **fields):
    return client.post(ADD, {"name": "Obsidian", "scopes": ["posts:read"], "ends": "90", "networks": ""} | fields)


def test_a_token_is_shown_once_and_works(log_in):
    editor = log_in(make_helper(EDITOR))
    post = make_post()

    page = _make(editor)

    secret = re.search(r'value="(nl_[0-9a-f]{48})"', page.text)[1]
    assert "no-store" in page.headers["Cache-Control"]
    answer = Client().get(f"/api/v1/posts/{post.pk}", headers={"authorization": f"Bearer {secret}"})
    assert answer.json()["title"] == post.title
    token = Token.objects.get()
    pages = [
        editor.get(f"/admin/api/token/{part}").text for part in ("", f"{token.pk}/change/", f"{token.pk}/history/")
    ]
    assert all(token.name in text and secret not in text for text in pages)
    assert token.prefix in pages[0]
    assert (token.ends_at - token.made_at).days in {89, 90}


def test_the_record_says_who_made_and_who_deleted_it(log_in):
    client = log_in(make_helper(EDITOR, name="edith"))
    _make(client)
    token = Token.objects.get()

    client.post(f"/admin/api/token/{token.pk}/delete/", {"post": "yes"})

    assert not Token.objects.exists()
    lines = [(one.by, one.via, one.what, one.title) for one in Change.objects.filter(about="api.token").order_by("pk")]
    assert lines == [("edith", "desk", "added", "Obsidian"), ("edith", "desk", "deleted", "Obsidian")]
    owner = log_in(User.objects.create_superuser("gipi"))
    assert "token “Obsidian”: Created" in owner.get("/admin/settings/record/").text


def test_a_deleted_token_is_dead_at_once(editor):
    Token.objects.all().delete()

    assert editor.get("/posts").status_code == 401


def test_a_helper_makes_no_token_that_does_more_than_they_may(log_in):
    writer = log_in(make_helper(WRITER))
    page = writer.get(ADD).text

    refused = _make(writer, scopes=["posts:read", "readers:read"])
    scheduling = _make(writer, may_schedule="on")

    assert "posts:write" in page
    assert "posts:publish" not in page
    assert "may_schedule" not in page
    assert "not one of the available choices" in refused.text
    assert scheduling.status_code == 200
    assert [token.scopes for token in Token.objects.all()] == [["posts:read"]]


def test_to_send_to_everybody_is_ticked_apart_and_off(log_in):
    editor = log_in(make_helper(EDITOR))
    page = editor.get(ADD).text

    _make(editor)
    _make(editor, may_schedule="on", name="scheduler")

    assert re.search(r'<input[^>]*name="may_schedule"[^>]*>', page)
    assert "checked" not in re.search(r'<input[^>]*name="may_schedule"[^>]*>', page)[0]
    assert 'value="issues:schedule"' not in page
    assert {token.name: token.scopes for token in Token.objects.all()} == {
        "Obsidian": ["posts:read"],
        "scheduler": ["posts:read", "issues:schedule"],
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scopes": []}, "a token without a scope opens nothing"),
        ({"networks": "here"}, "This is no network"),
        ({"networks": "10.0.0.0/8 " * 51}, "At most 50 networks."),
        ({"name": ""}, "This field is required."),
        ({"ends": "7"}, "not one of the available choices"),
    ],
)
def test_what_makes_no_token_is_said(log_in, fields, words):
    page = _make(log_in(make_helper(EDITOR)), **fields)

    assert words in page.text
    assert not Token.objects.exists()


def test_networks_are_kept_in_one_spelling(log_in):
    _make(log_in(make_helper(EDITOR)), networks="10.0.0.1/8\r\n::1")

    assert Token.objects.get().networks == "10.0.0.0/8\n::1/128"


def test_a_fresh_proof_is_asked_for_before_a_token_is_made(log_in):
    client = log_in(make_helper(EDITOR))
    session = client.session
    session[PROVEN_AT_KEY] = 0
    session.save()

    page = _make(client)

    assert page.status_code == 403
    assert "Please prove that it is you" in page.text
    assert not Token.objects.exists()


def test_each_sees_their_own_tokens_and_an_owner_all(log_in):
    editor, writer = make_helper(EDITOR), make_helper(WRITER)
    Program(editor, "posts:read").token.save()
    Token.objects.update(name="of the editor")
    other = Program(writer, "posts:read").token

    theirs = log_in(writer)
    assert "of the editor" not in theirs.get("/admin/api/token/").text
    assert theirs.get(f"/admin/api/token/{other.pk}/change/").status_code == 200
    assert theirs.get(f"/admin/api/token/{Token.objects.get(user=editor).pk}/change/").status_code == 403
    owner = log_in(User.objects.create_superuser("gipi")).get("/admin/api/token/").text
    assert "of the editor" in owner
    assert writer.username in owner


def test_an_account_that_may_do_nothing_is_offered_nothing(log_in):
    client = log_in(make_helper())

    assert client.get(ADD).status_code == 403
    assert "/admin/api/token/" not in client.get("/admin/settings/").text
