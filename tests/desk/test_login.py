"""The way into the desk: password, then a code; or a passkey alone."""

import time
from itertools import product

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import Resolver404, resolve

from newsletter.desk.models import FailureCount
from newsletter.operation.accounts import author, second_factors
from tests.factories import make_publication
from tests.support.second_factor import add_totp_app, totp_code

RIGHT = {"username": "gipi", "password": "leverage-2026"}
CODE = "/admin/login/code/"


@pytest.fixture
def gipi(db) -> User:
    make_publication()
    return User.objects.create_superuser("gipi", "gipi@example.org", "leverage-2026")


@pytest.fixture
def codes(gipi) -> list[str]:
    return add_totp_app(gipi)


def log_in(client, path: str = "/admin/", **headers):
    return client.post(f"/admin/login/?next={path}", RIGHT, **headers)


def is_in(client) -> bool:
    return client.get("/admin/").status_code == 200


# --- The second factor ---


def test_a_password_alone_leads_to_the_question_for_a_code(client, codes):
    response = log_in(client)

    assert (response.status_code, response["Location"]) == (302, CODE)
    assert not is_in(client)


def test_the_code_leads_where_the_author_was_going(client, codes):
    log_in(client, "/admin/posts/post/")

    response = client.post(CODE, {"code": totp_code()})

    assert (response.status_code, response["Location"]) == (302, "/admin/posts/post/")
    assert is_in(client)


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_no_login_leads_to_another_site(client, codes, wanted):
    log_in(client, wanted)

    response = client.post(CODE, {"code": totp_code()})

    assert response["Location"] == "/admin/"


def test_a_wrong_code_is_told_and_does_not_log_in(client, codes):
    log_in(client)

    response = client.post(CODE, {"code": "no code"})

    assert "This code is wrong, or was used before." in response.text
    assert "<title>Error:" in response.text
    assert not is_in(client)


def test_without_the_password_there_is_no_question_for_a_code(client, codes):
    asked = client.get(CODE)
    answered = client.post(CODE, {"code": totp_code()})

    assert asked["Location"] == answered["Location"] == "/admin/login/"
    assert not is_in(client)


def test_the_question_waits_for_ten_minutes(client, codes):
    log_in(client)
    session = client.session
    session["account_login"] = session["account_login"] | {"initiated_at": time.time() - 601}
    session.save()

    response = client.post(CODE, {"code": totp_code()})

    assert response["Location"] == "/admin/login/"
    assert not is_in(client)


def test_a_password_changed_meanwhile_ends_a_login_that_waits_for_its_code(client, gipi, codes):
    log_in(client)
    gipi.set_password("another-leverage")
    gipi.save()

    client.post(CODE, {"code": totp_code()})

    assert not is_in(client)


def test_a_second_factor_that_is_gone_does_not_open_the_desk(client, gipi, codes):
    log_in(client)
    second_factors.remove_all(gipi)

    response = client.post(CODE, {"code": totp_code()})

    assert response["Location"] == "/admin/login/"
    assert not is_in(client)


def test_an_account_that_is_switched_off_meanwhile_stays_out(client, gipi, codes):
    log_in(client)
    User.objects.update(is_active=False)

    client.post(CODE, {"code": totp_code()})

    assert not is_in(client)


def test_after_five_wrong_codes_the_password_is_asked_again(client, codes):
    log_in(client)

    answers = [client.post(CODE, {"code": "no code"}).status_code for _ in range(5)]
    afterwards = client.post(CODE, {"code": totp_code()})

    assert answers == [200, 200, 200, 200, 302]
    assert afterwards["Location"] == "/admin/login/"
    assert "Too many wrong codes. Log in again." in client.get("/admin/login/").text
    assert not is_in(client)


def test_a_guesser_with_the_password_gets_ten_codes_in_ten_minutes_from_wherever(codes):
    guessers = [Client(REMOTE_ADDR=f"192.0.2.{last}") for last in range(3)]
    for guesser in guessers:
        log_in(guesser)
    for guesser in guessers[:2]:
        for _ in range(5):
            guesser.post(CODE, {"code": "no code"})

    response = guessers[2].post(CODE, {"code": totp_code()})
    fourth = log_in(Client(REMOTE_ADDR="198.51.100.1"))

    assert "Too many wrong codes. Wait ten minutes" in response.text
    assert not is_in(guessers[2])
    assert fourth.status_code == 429, "nor is the password asked for"


def test_a_wrong_code_is_counted_and_logged_among_the_attempts_to_get_in(client, codes, caplog):
    log_in(client, REMOTE_ADDR="192.0.2.7")

    client.post(CODE, {"code": "no code"}, REMOTE_ADDR="192.0.2.7")

    assert "login failed from 192.0.2.7 at code, name " in caplog.text
    assert sum(FailureCount.objects.values_list("failures", flat=True)) == 2  # of the name, and of the network


def test_a_login_has_a_session_that_nobody_knew_before(client, codes):
    log_in(client)
    before = client.session.session_key

    client.post(CODE, {"code": totp_code()})

    assert client.session.session_key != before


def test_codes_are_asked_for_accepted_once_and_counted_while_redis_is_away(client, codes, settings):
    away = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = settings.CACHES | {"default": away}
    log_in(client)
    shown = totp_code()

    wrong = [client.post(CODE, {"code": "no code"}).status_code for _ in range(4)]
    right = client.post(CODE, {"code": shown})
    client.post("/admin/logout/")
    log_in(client)
    again = client.post(CODE, {"code": shown})

    assert wrong == [200] * 4
    assert right["Location"] == "/admin/"
    assert "This code is wrong, or was used before." in again.text


# --- Passkeys, as far as no browser is needed ---


def test_a_passkey_is_asked_for_with_a_challenge_that_is_new_each_time(client, gipi):
    asked = [client.post("/admin/login/passkey/options/", SERVER_NAME="localhost").json() for _ in range(2)]

    assert len({one["publicKey"]["challenge"] for one in asked}) == 2
    assert asked[0]["publicKey"]["userVerification"] == "required"
    assert asked[0]["publicKey"]["allowCredentials"] == []


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", '"x"', "null", "{", "1e999", '{"response": {"userHandle": "MQ"}}', "[" * 9000]
)
def test_what_is_no_passkey_opens_nothing(client, gipi, answer):
    client.post("/admin/login/passkey/options/", SERVER_NAME="localhost")

    response = client.post("/admin/login/passkey/", {"credential": answer}, SERVER_NAME="localhost")

    assert (response.status_code, response["Location"]) == (302, "/admin/login/")
    assert not is_in(client)


def test_challenges_are_rationed_for_strangers_and_their_sessions_are_short(client, gipi):
    answers = [client.post("/admin/login/passkey/options/", SERVER_NAME="localhost").status_code for _ in range(61)]

    assert answers == [200] * 60 + [429]
    assert client.session.get_expiry_age() == 600


def test_the_passkey_button_is_offered_where_browsers_have_passkeys(client, gipi):
    hosts = ("localhost:8000", "127.0.0.1:8000", "[::1]:8000", "news.example.org")
    pages = {host: client.get("/admin/login/", headers={"host": host}).text for host in hosts}
    offered = {host: "/admin/login/passkey/" in page for host, page in pages.items()}

    assert offered == {"localhost:8000": True, "127.0.0.1:8000": False, "[::1]:8000": False, "news.example.org": False}
    assert "login/passkey/" in client.get("/admin/login/", headers={"host": "news.example.org"}, secure=True).text


# --- The one-time link ---


def take_over(client, user: User, **fields):
    user.refresh_from_db()
    passwords = dict.fromkeys(["password1", "password2"], "leverage-2027-new")
    typed = {"username": "gipi", "email": "gipi@example.org"} | passwords | fields
    return client.post(author.start_link(user, base_url=""), typed)


def test_the_one_time_link_removes_the_second_factor_and_logs_in(client, gipi, codes):
    response = take_over(client, gipi)

    assert response["Location"] == "/admin/"
    assert not second_factors.has_second_factor(gipi)
    assert is_in(client)


def test_the_link_ends_the_sessions_that_a_thief_has(client, gipi, codes):
    thief = Client()
    log_in(thief)
    thief.post(CODE, {"code": totp_code()})
    waiting = Client()
    log_in(waiting)

    take_over(client, gipi)

    assert not is_in(thief)
    waiting.post(CODE, {"code": codes[0]})
    assert not is_in(waiting)


# --- The doors of allauth that the desk does not have ---


def test_no_page_of_allauth_answers():
    paths = ("signup/", "password/reset/", "email/", "login/code/confirm/", "2fa/", "confirm-email/")
    for prefix, path in product(("/accounts/", "/admin/account/", "/account/", "/admin/"), paths):
        try:
            module = resolve(prefix + path).func.__module__
        except Resolver404:
            module = ""

        assert not module.startswith("allauth"), prefix + path


def test_nobody_can_sign_up(rf, db):
    from newsletter.desk.accounts.sessions import AccountAdapter

    assert not AccountAdapter().is_open_for_signup(rf.get("/"))


# --- Public pages ---
