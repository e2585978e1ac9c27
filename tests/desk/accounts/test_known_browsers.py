"""Browsers that have logged in before."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import RequestFactory

from newsletter.desk.accounts import login_attempts
from tests.factories import make_publication


@pytest.fixture
def user(db) -> User:
    make_publication()
    return User.objects.create_superuser("gipi", password="leverage-2026")


def cookie_of(user: User) -> str:
    response = HttpResponse()
    login_attempts.remember_browser(request(), response, user)
    return response.cookies[login_attempts.BROWSER_COOKIE].value


def request(cookie: str = ""):
    made = RequestFactory().get("/admin/")
    made.COOKIES = {login_attempts.BROWSER_COOKIE: cookie} if cookie else {}
    return made


def test_a_browser_is_known_by_its_cookie(user):
    found = login_attempts.known_browser(request(cookie_of(user)))

    assert (found.username, len(found.id)) == ("gipi", 32)


def test_a_new_password_ends_it(user):
    cookie = cookie_of(user)

    user.set_password("leverage-2027")
    user.save(update_fields=["password"])

    assert login_attempts.known_browser(request(cookie)) is None


def test_a_user_who_was_switched_off_has_no_browser(user):
    cookie = cookie_of(user)

    User.objects.update(is_active=False)

    assert login_attempts.known_browser(request(cookie)) is None


def test_it_ends_by_itself_after_400_days(user):
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        cookie = cookie_of(user)
        clock.shift(timedelta(days=400))
        at_the_end = login_attempts.known_browser(request(cookie))
        clock.shift(timedelta(seconds=1))
        after = login_attempts.known_browser(request(cookie))

    assert at_the_end is not None
    assert after is None


@pytest.mark.parametrize(
    "change",
    [
        lambda cookie, other: "",
        lambda cookie, other: "x",
        lambda cookie, other: cookie[:-1] + ("A" if cookie[-1] != "A" else "B"),
        lambda cookie, other: f"{other}.{cookie.partition('.')[2]}",
        lambda cookie, other: f"{10**17}.{cookie.partition('.')[2]}",
        lambda cookie, other: "9" * 5000 + ".x",
        lambda cookie, other: "１.٣",
        lambda cookie, other: cookie.partition(":")[0],
    ],
)
def test_nobody_makes_one_himself(user, change):
    other = User.objects.create_superuser("editor", password="leverage-2027")

    assert login_attempts.known_browser(request(change(cookie_of(user), other.pk))) is None


def test_the_cookie_is_of_the_desk_alone_and_read_by_no_script(user, client, settings):
    settings.SESSION_COOKIE_SECURE = True

    response = client.post("/admin/login/?next=/admin/", {"username": "gipi", "password": "leverage-2026"})

    cookie = response.cookies[login_attempts.BROWSER_COOKIE]
    assert (cookie["path"], cookie["httponly"], cookie["secure"], cookie["samesite"]) == ("/admin/", True, True, "Lax")
    assert cookie["max-age"] == 400 * 24 * 3600


def test_a_good_cookie_is_not_sent_again(user, client):
    client.force_login(user)

    first, second = client.get("/admin/"), client.get("/admin/")

    assert login_attempts.BROWSER_COOKIE in first.cookies
    assert login_attempts.BROWSER_COOKIE not in second.cookies


def test_the_page_that_changes_the_password_renews_it(user, client):
    client.force_login(user)
    client.get("/admin/")
    before = client.cookies[login_attempts.BROWSER_COOKIE].value
    new = {"new_password1": "something-else-12", "new_password2": "something-else-12"}

    client.post("/admin/password_change/", {"old_password": "leverage-2026"} | new)

    assert login_attempts.known_browser(request(before)) is None
    assert login_attempts.known_browser(request(client.cookies[login_attempts.BROWSER_COOKIE].value)).username == "gipi"
