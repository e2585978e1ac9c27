"""Logging in with a second factor, in a real browser: an app, a passkey, a recovery code, and the way back."""

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from pytest_django.live_server_helper import LiveServer

from newsletter.operation.accounts import second_factors
from newsletter.posts.models import Tag
from tests.factories import make_publication
from tests.support.page_checks import assert_accessible_wide_and_narrow
from tests.support.second_factor import add_totp_app, totp_code

pytestmark = pytest.mark.browser
PASSWORD = "leverage-2026"
# A button fades from one scheme's colour to the other's, and half-way there its contrast is nobody's.
AT_REST = "() => Promise.allSettled(document.getAnimations().map((one) => one.finished))"


@pytest.fixture
def server(settings, transactional_db):
    """A web server that begins after the settings of the test: pytest-django's own would redirect to https."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.SITE_URL = "http://localhost"
    running = LiveServer("localhost:0")
    make_publication()
    yield running
    running.stop()


@pytest.fixture
def gipi(server) -> User:
    return User.objects.create_superuser("gipi", "gipi@example.org", PASSWORD)


@pytest.fixture
def security_key(page):
    """A passkey that lives in the browser, and whose owner is always there (WebAuthn's virtual authenticator)."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    alive = {"isUserVerified": True, "automaticPresenceSimulation": True}
    return devtools.send("WebAuthn.addVirtualAuthenticator", {"options": kind | alive})["authenticatorId"]


def let_proofs_grow_old() -> None:
    for stored in Session.objects.all():
        session = SessionStore(stored.pk)
        session["desk_proven_at"] = 0
        session.save()


def press(page, selector: str) -> None:
    """Press a button that leads to another page, and wait for that page."""
    with page.expect_navigation():
        page.locator(selector).last.click()


def log_in(page, server, path: str = "/admin/") -> None:
    page.goto(f"{server.url}/admin/login/?next={path}")
    page.fill("#id_username", "gipi")
    page.fill("#id_password", PASSWORD)
    press(page, "#login-form button[type=submit]")


def add_passkey(page, server) -> None:
    log_in(page, server, "/admin/account/passkey/")
    page.fill("#id_name", "blue key")
    page.get_by_role("button", name="Make the passkey").click()
    page.get_by_role("link", name="I have kept them").click()


def open_account(page) -> None:
    press(page, ".words li:last-child a")
    press(page, ".row-title[href='/admin/account/']")


def log_out(page) -> None:
    press(page, ".words li:last-child a")
    press(page, "#logout-form button")


@pytest.mark.exhaustive
def test_a_passkey_is_a_second_factor_behind_the_password(page, server, gipi, security_key):
    add_passkey(page, server)
    log_out(page)

    log_in(page, server)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{server.url}/admin/")

    assert page.locator(".words").is_visible()


@pytest.mark.exhaustive
def test_a_recovery_code_opens_the_desk_without_javascript(browser, server, gipi):
    codes = add_totp_app(gipi)
    profile = browser.new_context(java_script_enabled=False)
    page = profile.new_page()
    log_in(page, server)
    page.fill("#id_code", codes[3])
    press(page, "#login-form button[type=submit]")
    page.wait_for_url(f"{server.url}/admin/")
    open_account(page)
    left = page.locator(".rows").first.inner_text()
    profile.close()

    assert "9 left" in left


def test_a_proof_by_passkey_is_asked_before_a_deletion_which_then_happens(page, server, gipi, security_key):
    tag = Tag.objects.create(name="要刪掉的", slug="gone")
    add_passkey(page, server)
    let_proofs_grow_old()
    page.goto(f"{server.url}/admin/posts/tag/{tag.pk}/delete/")
    press(page, "main form [type=submit]")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_selector(".messagelist .success")

    assert not Tag.objects.filter(pk=tag.pk).exists()


@pytest.mark.exhaustive
def test_no_screen_of_the_account_has_a_barrier_or_is_wider_than_a_small_phone(page, server, gipi):
    tag = Tag.objects.create(name="要刪掉的", slug="gone")
    page.goto(f"{server.url}/admin/login/")
    look(page)
    log_in(page, server, "/admin/account/app/")
    look(page)
    page.fill("#id_code", totp_code(0, page.locator(".secret").inner_text().replace(" ", "")))
    press(page, "[value='Add it']")
    look(page)
    for path in ("", "passkey/", "codes/", f"remove/{second_factors.factors_of(gipi).totp.pk}/"):
        page.goto(f"{server.url}/admin/account/{path}")
        look(page)
    let_proofs_grow_old()
    page.goto(f"{server.url}/admin/posts/tag/{tag.pk}/delete/")
    press(page, "main form [type=submit]")
    look(page)
    page.context.clear_cookies()
    log_in(page, server)
    page.fill("#id_code", "no code")
    press(page, "#login-form button[type=submit]")
    look(page)


def look(page) -> None:
    """Fail if the page has a barrier by day or by night, or is wider than 320 pixels."""
    page.evaluate(AT_REST)
    assert_accessible_wide_and_narrow(page)
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.exhaustive
def test_everything_but_the_passkey_is_done_by_keys_alone(page, server, gipi):
    codes = add_totp_app(gipi)
    page.goto(f"{server.url}/admin/login/?next=/admin/account/")
    page.wait_for_function("() => document.activeElement.matches('input')")
    page.keyboard.type("gipi")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/code/")
    page.wait_for_function("() => document.activeElement.matches('input')")
    page.keyboard.type(codes[0])
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/account/")

    page.get_by_role("link", name="Make new ones").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Yes, make ten new ones").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".codes")

    assert page.locator(".codes li").count() == 10
