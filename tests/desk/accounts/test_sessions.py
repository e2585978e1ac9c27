"""Sessions of an account, and ending them."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import translation

from newsletter.desk.accounts import sessions
from tests.factories import make_publication
from tests.support.page_checks import markup

RIGHT = {"username": "gipi", "password": "leverage-2026"}
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


@pytest.fixture
def gipi(db) -> User:
    make_publication()
    return User.objects.create_superuser("gipi", "gipi@example.org", "leverage-2026")


def log_in(**headers) -> Client:
    browser = Client(**headers)
    assert browser.post("/admin/login/", RIGHT).status_code == 302
    return browser


def is_in(client: Client) -> bool:
    return client.get("/admin/account/").status_code == 200


def key(client: Client) -> str | None:
    return client.session.session_key


# --- The list ---


def test_the_list_shows_browser_network_and_times(gipi):
    with time_machine.travel(NOW, tick=False), translation.override("en"):
        here = log_in(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="192.0.2.7")
        [seen] = sessions.active_sessions(gipi, key(here))

    assert (seen.browser, seen.address, seen.is_current) == ("Firefox, Windows", "192.0.2.7", True)
    assert seen.created_at == seen.last_seen_at == NOW


def test_the_page_lists_them(gipi):
    here, _there = log_in(HTTP_USER_AGENT=FIREFOX), log_in(REMOTE_ADDR="192.0.2.9")

    page = markup(here.get("/admin/account/"))

    assert "Firefox, Windows" in page
    assert "192.0.2.9" in page
    assert page.count("End this") == 1
    assert "End all others" in page


def test_last_seen_moves_every_five_minutes_and_since_does_not(gipi):
    with time_machine.travel(NOW, tick=False):
        here = log_in()
    seen = []
    for minutes in (4, 6):
        with time_machine.travel(NOW + timedelta(minutes=minutes), tick=False):
            here.get("/admin/posts/post/")
        seen.append(UserSession.objects.get().last_seen_at)

    assert seen == [NOW, NOW + timedelta(minutes=6)]
    assert UserSession.objects.get().created_at == NOW


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox, Windows"),
        ("Mozilla/5.0 (Macintosh; …) Version/18.0 Safari/605.1.15", "Safari, macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Linux"),
        ("Mozilla/5.0 (X11; CrOS x86_64) Chrome/140.0 Safari/537.36", "Chrome, ChromeOS"),
        ("curl/8.0", "another browser"),
        ("", "another browser"),
    ],
)
def test_a_browser_is_told_in_words(agent, words):
    with translation.override("en"):
        assert sessions.browser_name(agent) == words


def test_a_login_deletes_the_sessions_that_have_expired(gipi):
    with time_machine.travel(NOW - timedelta(days=20), tick=False):
        Client().post("/admin/login/passkey/options/", SERVER_NAME="localhost")
        log_in()
    before = Session.objects.count()
    with time_machine.travel(NOW, tick=False):
        log_in()

    assert (before, Session.objects.count()) == (2, 1)


# --- Ending ---


def test_one_other_session_is_ended(gipi):
    here, there = log_in(), log_in()
    [other] = [one for one in sessions.active_sessions(gipi, key(here)) if not one.is_current]

    page = here.post("/admin/account/sessions/", {"session": other.pk}, follow=True)

    assert "The session was ended." in page.text
    assert (is_in(here), is_in(there)) == (True, False)


def test_all_others_are_ended_also_one_that_is_on_no_list(gipi):
    here, there, unlisted = log_in(), log_in(), log_in()
    UserSession.objects.filter(session_key=key(unlisted)).delete()

    page = here.post("/admin/account/sessions/", {"session": "others"}, follow=True)

    assert "2 other sessions were ended." in page.text
    assert [is_in(one) for one in (here, there, unlisted)] == [True, False, False]


def test_another_account_is_not_touched(gipi):
    User.objects.create_superuser("editor", password="leverage-2026")
    editor = Client()
    editor.post("/admin/login/", RIGHT | {"username": "editor"})
    here = log_in()
    theirs = UserSession.objects.get(session_key=key(editor))

    refused = here.post("/admin/account/sessions/", {"session": theirs.pk}, follow=True)
    here.post("/admin/account/sessions/", {"session": "others"})

    assert "This session has ended already." in refused.text
    assert is_in(editor)


def test_a_new_password_ends_all_other_sessions(gipi):
    here, there = log_in(), log_in()
    new = dict.fromkeys(["new_password1", "new_password2"], "leverage-27-new")

    changed = here.post("/admin/password_change/", {"old_password": "leverage-2026"} | new)

    assert changed["Location"] == "/admin/password_change/done/"
    assert (is_in(here), is_in(there)) == (True, False)
    assert len(sessions.active_sessions(User.objects.get(), key(here))) == 1


# --- New browsers ---


def is_new(client: Client) -> bool:
    return client.session["desk_is_new_browser"]


def test_the_first_browser_of_an_account_is_not_new_and_another_is(gipi):
    first, second = log_in(), log_in()

    assert (is_new(first), is_new(second)) == (False, True)


def test_a_browser_is_new_once(gipi):
    log_in()
    second = log_in()
    second.post("/admin/logout/")

    second.post("/admin/login/", RIGHT)

    assert not is_new(second)


def test_the_cookie_of_one_account_does_not_speak_for_another(gipi):
    here = log_in()
    User.objects.create_superuser("editor", password="leverage-2026", last_login=NOW)
    here.post("/admin/logout/")

    here.post("/admin/login/", RIGHT | {"username": "editor"})

    assert is_new(here)


def test_a_new_password_makes_other_browsers_new_again(gipi):
    elsewhere = log_in()
    gipi.refresh_from_db()
    gipi.set_password("leverage-2026")
    gipi.save()

    elsewhere.post("/admin/login/", RIGHT)

    assert is_new(elsewhere)
