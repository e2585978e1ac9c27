"""A fresh proof of identity: what asks for it, what it takes, and that nothing typed is lost."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.urls import URLResolver, get_resolver

from newsletter.desk import login
from newsletter.posts.models import Tag
from newsletter.publication.models import Publication
from subscribers.models import Subscriber
from tests.factories import make_issue, make_post, make_publication, make_subscriber
from tests.support.second_factor import add_totp_app, expire_proof, totp_code

PASSWORD = "leverage-2026"
ASKED = "Please prove that it is you"


@pytest.fixture
def gipi(db) -> User:
    make_publication()
    return User.objects.create_superuser("gipi", "gipi@example.org", PASSWORD)


@pytest.fixture
def desk(client, gipi):
    """A session in which the author has proved nothing for an hour."""
    client.force_login(gipi)
    expire_proof(client)
    return client


def is_asked(response) -> bool:
    return response.status_code == 403 and ASKED in response.text


def fields_of(response) -> dict[str, list[str]]:
    """The hidden fields of a page."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', response.text):
        found.setdefault(unescape(name), []).append(unescape(value))
    return found


def answer(client, response, **fields):
    """Do what the browser does: post the page's fields with the proof."""
    return client.post(response.request["PATH_INFO"], fields_of(response) | fields)


SETTINGS = "/admin/settings/"
SENDER = {
    "sender_email": "newsletter@example.com",
    "sender_name": "",
    "reply_to": "",
    "bounces_to": "",
    "number_typed_above": "1000",
}


def make_tag() -> Tag:
    return Tag.objects.get_or_create_named([f"tag {Tag.objects.count()}"])[0]


# --- What asks ---


def test_a_deletion_waits_for_the_proof_and_then_happens(desk):
    tag = make_tag()
    path = f"/admin/posts/tag/{tag.pk}/delete/"

    asked = desk.post(path, {"post": "yes"})
    kept = Tag.objects.filter(pk=tag.pk).exists()
    done = answer(desk, asked, **{"_proof-password": PASSWORD})

    assert is_asked(asked)
    assert kept
    assert (done.status_code, done["Location"]) == (302, "/admin/posts/tag/")
    assert not Tag.objects.filter(pk=tag.pk).exists()


def test_the_question_whether_to_delete_asks_for_nothing(desk):
    tag = make_tag()

    assert desk.get(f"/admin/posts/tag/{tag.pk}/delete/").status_code == 200


def test_after_a_proof_ten_minutes_are_free(desk):
    first, second = make_tag(), make_tag()
    asked = desk.post(f"/admin/posts/tag/{first.pk}/delete/", {"post": "yes"})
    answer(desk, asked, **{"_proof-password": PASSWORD})

    assert desk.post(f"/admin/posts/tag/{second.pk}/delete/", {"post": "yes"}).status_code == 302


def test_a_deletion_of_many_keeps_what_was_chosen(desk):
    tags = [make_tag(), make_tag()]
    chosen = {"action": "delete_selected", "_selected_action": [tag.pk for tag in tags], "post": "yes"}

    asked = desk.post("/admin/posts/tag/", chosen)

    assert is_asked(asked)
    assert fields_of(asked)["_selected_action"] == [str(tag.pk) for tag in tags]


def test_erasing_readers_waits_for_the_proof(desk):
    reader = make_subscriber()
    chosen = {"action": "erase", "_selected_action": [reader.pk], "confirmed": "1"}

    asked = desk.post("/admin/subscribers/subscriber/", chosen)
    kept = Subscriber.objects.get(pk=reader.pk).email
    answer(desk, asked, **{"_proof-password": PASSWORD})

    assert is_asked(asked)
    assert kept == reader.email
    assert not Subscriber.objects.filter(email=reader.email).exists()


def test_two_actions_in_one_form_are_both_looked_at(desk):
    """Django obeys the one that `index` names, and a form has one above the list and one below."""
    chosen = {"action": ["erase", "bulk_tag"], "index": "0", "_selected_action": [make_subscriber().pk]}

    assert is_asked(desk.post("/admin/subscribers/subscriber/", chosen | {"confirmed": "1"}))


def test_the_export_of_readers_waits_for_the_proof_and_then_comes(desk):
    make_subscriber(email="reader@example.org")
    path = "/admin/subscribers/subscriber/export/"

    asked = desk.get(path)
    sent_on = answer(desk, asked, **{"_proof-password": PASSWORD})
    file = b"".join(desk.get(path).streaming_content)

    assert is_asked(asked)
    assert (sent_on.status_code, sent_on["Location"]) == (302, path)
    assert b"reader@example.org" in file


@pytest.mark.parametrize("field", ["sender_name", "sender_email", "reply_to", "bounces_to"])
def test_another_sender_waits_for_the_proof_and_every_word_is_kept(desk, field):
    typed = SENDER | {field: "new@example.org", "postal_address": "一段 <b> & “\"'"}

    asked = desk.post(f"{SETTINGS}sender/", typed)
    before = getattr(Publication.objects.get(), field)
    done = answer(desk, asked, **{"_proof-password": PASSWORD})
    saved = Publication.objects.get()

    assert is_asked(asked)
    assert before != "new@example.org"
    assert done.status_code == 302, done.text
    assert getattr(saved, field) == "new@example.org"
    assert saved.postal_address == "一段 <b> & “\"'"


def test_whether_owners_need_a_second_factor_is_changed_with_a_proof_alone(desk):
    make_publication(owners_need_second_factor=False)

    assert is_asked(desk.post(f"{SETTINGS}security/", {"owners_need_second_factor": "on"}))


def test_a_picture_is_asked_for_once_more(desk):
    logo = SimpleUploadedFile("logo.png", b"x", content_type="image/png")

    asked = desk.post(f"{SETTINGS}sender/", SENDER | {"sender_name": "Another", "logo": logo})

    assert 'type="file" name="logo"' in asked.text
    assert 'enctype="multipart/form-data"' in asked.text
    assert "Please choose the file once more" in asked.text


@pytest.mark.parametrize("path", ["password_change/", "auth/user/add/"])
def test_a_form_for_a_password_or_an_account_asks_when_it_is_opened(desk, path):
    asked = desk.get(f"/admin/{path}")
    done = answer(desk, asked, **{"_proof-password": PASSWORD})

    assert is_asked(asked)
    assert done["Location"] == f"/admin/{path}"
    assert not is_asked(desk.get(done["Location"]))


def test_every_way_to_delete_and_every_screen_of_accounts_asks(rf):
    """Models registered later are covered too: by the suffix of the URL name."""
    found = set(_names(get_resolver("newsletter.urls").url_patterns))
    deleting = {name for name in found if name.endswith("_delete")} - login.TRASH_VIEWS
    accounts = {f"auth_{model}_{verb}" for model in ("user", "group") for verb in ("add", "change", "delete")}
    factors = {name for name in found if name.startswith("factor_")}
    post = rf.post("/", {})
    post.session = {}

    asking = {name for name in deleting | accounts | factors | {"auth_user_start_link"} if _asks(post, name)}

    assert len(deleting) > 5
    assert asking == deleting | accounts | factors | {"auth_user_start_link"}
    assert accounts <= found


def _names(patterns) -> list[str]:
    names = []
    for one in patterns:
        names += _names(one.url_patterns) if isinstance(one, URLResolver) else [one.name or ""]
    return names


def _asks(request, name: str) -> bool:
    request.resolver_match = type("Match", (), {"url_name": name})()
    return login.is_proof_needed(request)


# --- What it takes ---


def test_who_has_an_app_proves_it_by_a_code_not_by_the_password(desk, gipi):
    add_totp_app(gipi)
    tag = make_tag()
    asked = desk.post(f"/admin/posts/tag/{tag.pk}/delete/", {"post": "yes"})

    by_password = answer(desk, asked, **{"_proof-password": PASSWORD})
    by_code = answer(desk, asked, **{"_proof-code": totp_code()})

    assert "_proof-code" in asked.text
    assert "_proof-password" not in asked.text
    assert is_asked(by_password)
    assert by_code.status_code == 302


def test_a_wrong_answer_keeps_what_was_typed_and_says_so(desk):
    tag = make_tag()
    asked = desk.post(f"/admin/posts/tag/{tag.pk}/delete/", {"post": "yes", "reason": "太舊"})

    wrong = answer(desk, asked, **{"_proof-password": "wrong"})

    assert is_asked(wrong)
    assert "This is not your password." in wrong.text
    assert fields_of(wrong)["reason"] == ["太舊"]
    assert answer(desk, wrong, **{"_proof-password": PASSWORD}).status_code == 302


def test_five_wrong_answers_end_the_session(desk):
    path = f"/admin/posts/tag/{make_tag().pk}/delete/"

    for _ in range(5):
        last = desk.post(path, {"post": "yes", "_proof-password": "wrong"})

    assert last["Location"] == "/admin/login/"
    assert desk.get("/admin/")["Location"] == "/admin/login/?next=/admin/"


def test_the_proof_itself_does_not_reach_the_view(rf, gipi):
    seen = {}

    def view():
        seen.update(request.POST.dict())
        return HttpResponse("done")

    request = rf.post("/", {"word": "x", "_proof-password": PASSWORD, "_proof-method": "POST"})
    request.user, request.session = gipi, {}
    response = login.ask_for_proof(request, view)

    assert response.content == b"done"
    assert seen == {"word": "x"}


# --- Sending from a browser that is new ---


@pytest.fixture
def new_browser(client, gipi):
    """The author has logged in before, elsewhere."""
    gipi.last_login = "2026-11-01T00:00Z"
    gipi.save()
    client.force_login(gipi)
    expire_proof(client)
    return client


@pytest.mark.parametrize("screen", ["send", "correct"])
def test_a_new_browser_proves_it_before_it_sends_to_everybody(new_browser, screen):
    path = f"/admin/issues/issue/{make_issue(make_post()).pk}/{screen}/"

    looked, sent = new_browser.get(path), new_browser.post(path, {"when": "now", "note": "x"})

    assert looked.status_code == 200
    assert is_asked(sent)
    assert fields_of(sent)["when"] == ["now"]


def test_a_known_browser_sends_without(desk):
    path = f"/admin/issues/issue/{make_issue(make_post()).pk}/send/"

    assert desk.post(path, {"when": "now"}).status_code == 200


def test_a_browser_that_proved_it_is_known_from_then_on_also_after_another_login(new_browser, gipi):
    path = f"/admin/issues/issue/{make_issue(make_post()).pk}/send/"
    answer(new_browser, new_browser.post(path, {"when": "now"}), **{"_proof-password": PASSWORD})
    new_browser.post("/admin/logout/")

    new_browser.post("/admin/login/", {"username": "gipi", "password": PASSWORD})
    expire_proof(new_browser)

    assert new_browser.post(path, {"when": "now"}).status_code == 200
