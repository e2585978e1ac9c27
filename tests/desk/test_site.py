"""The door of the desk."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisGone

from newsletter.posts.models import Tag
from tests.factories import make_issue, make_post, make_publication

RIGHT = {"username": "gipi", "password": "leverage-2026"}
WRONG = {"username": "gipi", "password": "wrong"}


@pytest.fixture(autouse=True)
def _author(db):
    make_publication()
    User.objects.create_superuser("gipi", password="leverage-2026")


def _fail(client, times: int, **request) -> None:
    for _ in range(times):
        assert client.post("/admin/login/", WRONG, **request).status_code == 200


def test_the_author_logs_in(client):
    response = client.post("/admin/login/?next=/admin/", RIGHT)

    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_after_ten_failures_even_the_right_password_is_refused(client):
    _fail(client, 10)

    response = client.post("/admin/login/", RIGHT)

    assert response.status_code == 429
    assert 590 <= int(response["Retry-After"]) <= 600
    assert "Too many attempts" in response.text
    assert "uv run manage.py author_link" in response.text


def test_a_helper_who_is_logged_in_guesses_no_other_password(client):
    client.force_login(User.objects.create_user("helper", password="leverage-2027", is_staff=True))

    answers = [client.post("/admin/login/", WRONG).status_code for _guess in range(41)]

    assert answers == [200] * 10 + [429] * 31
    assert client.post("/admin/login/", RIGHT).status_code == 429
    assert client.get("/admin/password_change/").status_code == 200, "he works on"


def test_a_stranger_does_not_shut_out_a_browser_that_logged_in_before(client):
    client.post("/admin/login/", RIGHT)
    client.post("/admin/logout/")
    for last in range(10):
        _fail(Client(), 1, REMOTE_ADDR=f"192.0.2.{last}")

    stranger = Client().post("/admin/login/", RIGHT, REMOTE_ADDR="198.51.100.1")
    author = client.post("/admin/login/", RIGHT)

    assert (stranger.status_code, author.status_code) == (429, 302)


def test_a_stranger_in_the_authors_network_does_not_shut_him_out(client):
    client.post("/admin/login/", RIGHT)
    client.post("/admin/logout/")
    _fail(Client(), 10)

    assert client.post("/admin/login/", RIGHT).status_code == 302


def test_a_lost_cache_takes_no_limit_off(client, monkeypatch):
    def gone(*args, **kwargs):
        raise RedisGone

    for call in ("add", "get", "set", "incr"):
        monkeypatch.setattr(cache, call, gone)
    _fail(client, 10)

    assert client.post("/admin/login/", RIGHT).status_code == 429


def test_an_open_desk_is_no_place_to_guess_the_old_password(client):
    client.force_login(User.objects.get())
    client.get("/admin/")
    new = {"new_password1": "something-else-12", "new_password2": "something-else-12"}

    answers = [
        client.post("/admin/password_change/", {"old_password": f"guess {number}"} | new) for number in range(10)
    ]
    refused = client.post("/admin/password_change/", {"old_password": "leverage-2026"} | new)

    assert {answer.status_code for answer in answers} == {200}
    assert "Your old password was entered incorrectly" in answers[9].text
    assert refused.status_code == 429
    assert User.objects.get().check_password("leverage-2026")


def test_the_author_changes_his_password(client):
    client.force_login(User.objects.get())
    page = client.get("/admin/password_change/")

    chosen = {"new_password1": "something-else-12", "new_password2": "something-else-12"}
    response = client.post("/admin/password_change/", {"old_password": "leverage-2026"} | chosen)

    assert "Please enter your old password" in page.text
    assert (response.status_code, response["Location"]) == (302, "/admin/password_change/done/")
    done = client.get(response["Location"]).text
    assert "All other sessions have ended." in done
    assert done.count("assword changed") + done.count("assword was changed") <= 1  # the title says it, and nothing else
    assert User.objects.get().check_password("something-else-12")


def test_right_and_wrong_are_answered_alike_once_there_were_too_many(client):
    _fail(client, 10)

    answers = [client.post("/admin/login/", typed) for typed in (RIGHT, WRONG, {"username": "nobody", "password": "x"})]

    pages = {re.sub(r'(nonce|value)="[^"]*"', "", answer.text) for answer in answers}
    assert {answer.status_code for answer in answers} == {429}
    assert len(pages) == 1


def test_a_known_name_and_an_unknown_one_are_answered_alike(client):
    known = client.post("/admin/login/", WRONG)
    unknown = client.post("/admin/login/", WRONG | {"username": "nobody"})

    assert known.status_code == unknown.status_code == 200
    assert known.context["form"].errors == unknown.context["form"].errors


def test_who_is_no_staff_is_answered_like_a_wrong_password(client):
    User.objects.create_user("reader", password="leverage-2027")

    for _guess in range(10):
        response = client.post("/admin/login/", {"username": "reader", "password": "leverage-2027"})
    after = client.post("/admin/login/", RIGHT)

    assert "Please enter the correct username and password" in response.text
    assert after.status_code == 429


def test_no_cookie_of_the_desk_can_be_read_by_a_script(client, admin_user):
    issue = make_issue(make_post())
    login = client.get("/admin/login/")
    client.force_login(admin_user)

    acted = client.post(f"/admin/issues/issue/{issue.pk}/delete/", {"post": "yes"})
    page = client.get("/admin/issues/issue/")

    for response in (login, acted, page):
        assert all(cookie["httponly"] for cookie in response.cookies.values()), response.cookies
    assert "is in the trash" in page.text
    assert set(client.cookies) == {"sessionid", "csrftoken", "desk_browser"}, "what has been done is told without one"


def test_a_history_of_djangos_own_log_looks_like_the_others(client):
    client.login(**RIGHT)
    tag = Tag.objects.create(name="散步", slug="walks")
    nothing = client.get(f"/admin/posts/tag/{tag.pk}/history/")
    client.post(f"/admin/posts/tag/{tag.pk}/change/", {"name": "長散步", "slug": "walks"})

    page = client.get(f"/admin/posts/tag/{tag.pk}/history/")

    assert "Nothing has happened here" in nothing.text
    assert "<h1>History</h1>" in page.text
    day, line = page.text.split('<section class="history-day">')[1].split("<ol>")
    assert timezone.localdate().isoformat() in day
    assert re.sub(r"<[^>]+>|\s+", " ", line.split("</ol>")[0]).split()[1:] == ["Changed", "Name.", "gipi"]
