"""The author's own account: what is added, removed and shown once; who must have a second factor."""

import base64
import re

import pytest
from django.contrib.auth.models import User

from newsletter.mail import outbox
from newsletter.operation.accounts import second_factors
from tests.factories import make_post, make_publication
from tests.support.page_checks import assert_valid, markup
from tests.support.second_factor import add_totp_app, expire_proof, totp_code

ACCOUNT = "/admin/account/"


@pytest.fixture
def gipi(db) -> User:
    make_publication()
    return User.objects.create_superuser("gipi", "gipi@example.org", "leverage-2026")


@pytest.fixture
def desk(client, gipi):
    client.force_login(gipi)
    return client


def secret_on(page) -> str:
    return re.search(r'class="secret">([A-Z2-7 ]+)<', page.text)[1].replace(" ", "")


# --- The app ---


def test_a_wrong_code_adds_nothing_and_keeps_the_secret_that_the_app_was_shown(desk, gipi):
    secret = secret_on(desk.get(f"{ACCOUNT}app/"))

    wrong = desk.post(f"{ACCOUNT}app/", {"code": "000000" if totp_code(0, secret) != "000000" else "111111"})

    assert "This is not the code of now." in wrong.text
    assert secret_on(wrong) == secret
    assert not second_factors.has_second_factor(gipi)


def test_the_secret_is_in_the_picture_as_an_address_of_an_app(desk):
    page = desk.get(f"{ACCOUNT}app/")
    address = re.search(r'href="(otpauth://[^"]+)"', page.text)[1]
    picture = base64.b64decode(re.search(r'data:image/svg\+xml;base64,([^"]+)"', page.text)[1]).decode()

    assert f"secret={secret_on(page)}" in address
    assert address.startswith("otpauth://totp/gipi?")
    assert "issuer=Gipi%E9%9B%BB%E5%AD%90%E5%A0%B1" in address
    assert "<svg" in picture
    assert "script" not in picture


def test_recovery_codes_are_shown_once_and_can_be_kept_as_a_file(desk, gipi):
    secret = secret_on(desk.get(f"{ACCOUNT}app/"))
    shown = desk.post(f"{ACCOUNT}app/", {"code": totp_code(0, secret)})
    codes = re.findall(r"<code>(\d{4} \d{4})</code>", shown.text)
    file = base64.b64decode(re.search(r'data:text/plain;base64,([^"]+)"', shown.text)[1]).decode()

    later = desk.get(ACCOUNT).text + desk.get(f"{ACCOUNT}codes/").text + desk.get(f"{ACCOUNT}app/", follow=True).text

    assert len(codes) == 10
    assert file == "".join(f"{one}\r\n" for one in codes)
    assert not any(one in later for one in codes)
    assert "10 left" in markup(desk.get(ACCOUNT))


def test_the_pages_are_valid(desk, gipi):
    pages = [desk.get(f"{ACCOUNT}{path}") for path in ("", "app/", "passkey/")]
    add_totp_app(gipi)
    pages += [
        desk.get(f"{ACCOUNT}{path}") for path in ("", "codes/", f"remove/{second_factors.factors_of(gipi).totp.pk}/")
    ]
    pages.append(desk.post(f"{ACCOUNT}codes/"))

    for page in pages:
        assert page.status_code == 200
        assert_valid(page.text.replace(' csp_nonce=""', ""))


# --- Less, or anew ---


def test_nobody_removes_what_is_another_account_s(desk):
    other = User.objects.create_superuser("other")
    add_totp_app(other)

    response = desk.post(f"{ACCOUNT}remove/{second_factors.factors_of(other).totp.pk}/")

    assert response.status_code == 404
    assert second_factors.has_second_factor(other)


@pytest.mark.parametrize("path", ["app/", "passkey/", "codes/", "remove/1/"])
def test_whatever_changes_the_account_waits_for_a_proof(desk, path):
    expire_proof(desk)

    assert desk.get(f"{ACCOUNT}{path}").status_code == desk.post(f"{ACCOUNT}{path}").status_code == 403


EMPTY = '{"id": "eA", "rawId": "eA", "type": "public-key", "response": {}}'


@pytest.mark.parametrize("answer", ["", "{}", "[]", "7", '{"id": "x"}', EMPTY])
def test_what_is_no_passkey_is_not_added(desk, gipi, answer):
    desk.post(f"{ACCOUNT}passkey/options/", SERVER_NAME="localhost")

    page = desk.post(f"{ACCOUNT}passkey/", {"name": "key", "credential": answer}, SERVER_NAME="localhost")

    assert "The browser has made no passkey that can be used here." in page.text
    assert not second_factors.has_second_factor(gipi)


# --- Owners who must have one ---


@pytest.fixture
def strict(db):
    make_publication(owners_need_second_factor=True)


@pytest.mark.parametrize(
    "path",
    ["/admin/", "/admin/posts/post/", "/admin/posts/post/add/", "/admin/subscribers/subscriber/export/", "/admin/x/"],
)
def test_an_owner_without_one_is_led_to_the_account_whatever_is_opened(desk, strict, path):
    response = desk.get(path)

    assert (response.status_code, response["Location"]) == (302, ACCOUNT)


@pytest.mark.parametrize("path", ["/outbox/", "/approve/1a/"])
def test_pages_outside_the_desk_that_ask_for_rights_are_closed_too(desk, strict, settings, tmp_path, path):
    settings.MAILERS = {"default": {"BACKEND": outbox.BACKEND, "OPTIONS": {"directory": str(tmp_path)}}}
    settings.SITE_URL = "https://news.example.org"

    response = desk.get(path)

    assert (response.status_code, response["Location"]) == (302, ACCOUNT)


def test_what_is_posted_does_not_happen(desk, strict):
    post = make_post()

    desk.post(f"/admin/posts/post/{post.pk}/delete/", {"post": "yes"})

    post.refresh_from_db()


def test_with_the_second_factor_the_desk_opens(desk, strict):
    secret = secret_on(desk.get(f"{ACCOUNT}app/"))
    desk.post(f"{ACCOUNT}app/", {"code": totp_code(0, secret)})

    assert desk.get("/admin/posts/post/").status_code == 200
    assert "Please add a second factor" not in desk.get(ACCOUNT).text
