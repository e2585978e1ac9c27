"""The door of the desk."""

import pytest
from django.contrib.auth.models import User

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

    assert (response.status_code, response["Retry-After"]) == (429, "600")
    assert "Too many attempts" in response.text
    assert "uv run manage.py author_link" in response.text


def test_a_name_is_guarded_whatever_address_the_guesser_has(client):
    for last in range(10):
        _fail(client, 1, REMOTE_ADDR=f"192.0.2.{last}")

    response = client.post("/admin/login/", RIGHT, REMOTE_ADDR="198.51.100.1")

    assert response.status_code == 429


def test_another_author_gets_in_while_one_name_is_guessed(client):
    User.objects.create_superuser("editor", password="leverage-2027")
    _fail(client, 10, REMOTE_ADDR="192.0.2.1")

    response = client.post(
        "/admin/login/?next=/admin/", {"username": "editor", "password": "leverage-2027"}, REMOTE_ADDR="198.51.100.1"
    )

    assert response.status_code == 302


def test_logging_in_often_is_no_failure(client):
    for _ in range(12):
        response = client.post("/admin/login/?next=/admin/", RIGHT)
        client.logout()

    assert response.status_code == 302


def test_looking_at_the_form_counts_as_nothing(client):
    for _ in range(12):
        response = client.get("/admin/login/")

    assert response.status_code == 200


def test_the_desk_is_closed_to_strangers(client):
    response = client.get("/admin/")

    assert (response.status_code, response["Location"]) == (302, "/admin/login/?next=/admin/")


def test_the_list_of_one_room_opens(client):
    client.login(**RIGHT)

    response = client.get("/admin/posts/")

    assert response.status_code == 200
    assert "/admin/posts/post/add/" in response.text


def test_no_cookie_of_the_desk_can_be_read_by_a_script(client, admin_user):
    issue = make_issue(make_post())
    login = client.get("/admin/login/")
    client.force_login(admin_user)

    acted = client.post(f"/admin/issues/issue/{issue.pk}/delete/", {"post": "yes"})
    page = client.get("/admin/issues/issue/")

    for response in (login, acted, page):
        assert all(cookie["httponly"] for cookie in response.cookies.values()), response.cookies
    assert "was deleted successfully" in page.text
    assert set(client.cookies) == {"sessionid", "csrftoken"}, "what has been done is told without a cookie of its own"
