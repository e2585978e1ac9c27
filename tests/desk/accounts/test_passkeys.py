"""Passkeys: which answers open the desk, and which are refused. The browser's part is in test_login_browser.py."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.test import Client

from newsletter.operation.accounts import second_factors
from tests.factories import make_publication
from tests.support.second_factor import Passkey, expire_proof

RIGHT = {"username": "gipi", "password": "leverage-2026"}
OPTIONS, LOGIN = "/admin/login/passkey/options/", "/admin/login/passkey/"


class Browser(Client):
    """A client at http://localhost, where browsers have passkeys."""

    def __init__(self, **extra) -> None:
        super().__init__(SERVER_NAME="localhost", **extra)

    def asked(self, path: str = OPTIONS) -> dict:
        return self.post(path).json()

    def is_in(self) -> bool:
        return self.get("/admin/").status_code == 200


@pytest.fixture
def gipi(db) -> User:
    make_publication()
    return User.objects.create_superuser("gipi", "gipi@example.org", "leverage-2026")


def add(passkey: Passkey, user: User, name: str = "blue key"):
    browser = Browser()
    browser.force_login(user)
    asked = browser.asked("/admin/account/passkey/options/")
    return browser.post("/admin/account/passkey/", {"name": name, "credential": passkey.create(asked)})


@pytest.fixture
def passkey(gipi) -> Passkey:
    made = Passkey()
    assert "Keep these codes now" in add(made, gipi).text
    return made


# --- Alone ---


def test_a_passkey_alone_opens_the_desk_and_leads_where_one_was_going(passkey):
    browser = Browser()

    done = browser.post(LOGIN, {"credential": passkey.get(browser.asked()), "next": "/admin/posts/post/"})

    assert (done.status_code, done["Location"]) == (302, "/admin/posts/post/")
    assert browser.is_in()


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example"])
def test_it_leads_to_no_other_site(passkey, wanted):
    browser = Browser()

    assert browser.post(LOGIN, {"credential": passkey.get(browser.asked()), "next": wanted})["Location"] == "/admin/"


def test_an_answer_opens_once(passkey):
    browser, thief = Browser(), Browser()
    answer = passkey.get(browser.asked())
    browser.post(LOGIN, {"credential": answer})
    thief.asked()

    thief.post(LOGIN, {"credential": answer})
    browser.post("/admin/logout/")
    browser.post(LOGIN, {"credential": answer})

    assert not thief.is_in()
    assert not browser.is_in()


def test_a_challenge_of_another_session_is_refused(passkey):
    browser, other = Browser(), Browser()
    browser.asked()

    browser.post(LOGIN, {"credential": passkey.get(other.asked())})

    assert not browser.is_in()


def test_a_device_that_did_not_check_its_owner_does_not_open_the_desk_alone(passkey):
    browser = Browser()

    browser.post(LOGIN, {"credential": passkey.get(browser.asked(), is_verified=False)})

    assert not browser.is_in()


def test_nor_does_it_when_the_challenge_was_one_for_another_account_s_second_factor(passkey):
    """A second factor may be a key that asks for no PIN. Its challenge must not open the desk with a stolen one."""
    helper = User.objects.create_superuser("helper", password="leverage-2026")
    add(Passkey(), helper)
    browser = Browser()
    browser.post("/admin/login/", RIGHT | {"username": "helper"})

    browser.post(LOGIN, {"credential": passkey.get(browser.asked(), is_verified=False)})

    assert not browser.is_in()


@pytest.mark.parametrize("origin", ["http://evil.example", "https://localhost.evil.example", "http://127.0.0.1"])
def test_an_answer_that_a_false_page_has_asked_for_is_refused(passkey, origin):
    browser = Browser()
    passkey.origin = origin

    browser.post(LOGIN, {"credential": passkey.get(browser.asked())})

    assert not browser.is_in()


def test_an_answer_for_another_site_is_refused(passkey):
    browser = Browser()
    passkey.rp = "evil.example"

    browser.post(LOGIN, {"credential": passkey.get(browser.asked())})

    assert not browser.is_in()


def test_a_forged_signature_is_refused(passkey):
    browser, forger = Browser(), Passkey()
    forger.id, forger.user_handle = passkey.id, passkey.user_handle

    browser.post(LOGIN, {"credential": forger.get(browser.asked())})

    assert not browser.is_in()


def test_a_passkey_does_not_open_the_account_that_it_claims_but_its_own(passkey, gipi):
    mallory = User.objects.create_superuser("mallory")
    hers = Passkey()
    add(hers, mallory)
    browser = Browser()

    browser.post(LOGIN, {"credential": hers.get(browser.asked(), user_handle=passkey.user_handle)})

    assert not browser.is_in()


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_who_may_not_use_the_desk_is_not_let_in_by_a_passkey(passkey, change):
    User.objects.update(**change)
    browser = Browser()

    refused = browser.post(LOGIN, {"credential": passkey.get(browser.asked())})

    assert refused["Location"] == "/admin/login/"
    assert "This passkey does not open the desk." in browser.get("/admin/login/").text


def test_a_passkey_that_was_removed_opens_nothing(passkey, gipi):
    second_factors.remove_factor(second_factors.factors_of(gipi).passkeys[0])
    browser = Browser()

    browser.post(LOGIN, {"credential": passkey.get(browser.asked())})

    assert not browser.is_in()


# --- Behind the password ---


def test_behind_the_password_it_is_the_second_factor(passkey):
    browser = Browser()
    browser.post("/admin/login/?next=/admin/posts/post/", RIGHT)

    done = browser.post("/admin/login/code/", {"code": "", "credential": passkey.get(browser.asked())})

    assert done["Location"] == "/admin/posts/post/"
    assert browser.is_in()


def test_behind_the_password_another_account_s_passkey_is_wrong(passkey):
    hers = Passkey()
    add(hers, User.objects.create_superuser("mallory"))
    browser = Browser()
    browser.post("/admin/login/", RIGHT)

    refused = browser.post("/admin/login/code/", {"credential": hers.get(browser.asked())})

    assert "This passkey does not belong to your account." in refused.text
    assert not browser.is_in()


# --- As a proof ---


def test_a_passkey_is_a_proof(passkey, gipi):
    browser = Browser()
    browser.force_login(gipi)
    expire_proof(browser)
    page = browser.get("/admin/account/codes/")

    answered = browser.post(
        "/admin/account/codes/", {"_proof-method": "GET", "_proof-credential": passkey.get(browser.asked())}
    )

    assert 'data-passkey="get"' in page.text
    assert answered["Location"] == "/admin/account/codes/"
    assert browser.get("/admin/account/codes/").status_code == 200


# --- Adding ---


def test_a_device_that_did_not_check_its_owner_is_not_added(gipi):
    browser = Browser()
    browser.force_login(gipi)
    answer = Passkey().create(browser.asked("/admin/account/passkey/options/"), is_verified=False)

    page = browser.post("/admin/account/passkey/", {"name": "key", "credential": answer})

    assert "The browser has made no passkey that can be used here." in page.text
    assert not second_factors.has_second_factor(gipi)


def test_what_was_made_on_a_false_page_is_not_added(gipi):
    browser = Browser()
    browser.force_login(gipi)
    answer = Passkey(origin="http://evil.example").create(browser.asked("/admin/account/passkey/options/"))

    browser.post("/admin/account/passkey/", {"name": "key", "credential": answer})

    assert not Authenticator.objects.exists()
