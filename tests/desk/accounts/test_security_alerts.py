"""Security alerts: when, to whom, and their content."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from kombu.exceptions import OperationalError

from newsletter.desk import tasks
from newsletter.desk.accounts import security_alerts
from newsletter.mail import outbox
from newsletter.operation.accounts import author, second_factors
from tests.factories import make_publication
from tests.support.second_factor import add_totp_app, totp_code

RIGHT = {"username": "gipi", "password": "leverage-2026"}
FACTS = {
    "kind": "new_browser",
    "username": "gipi",
    "addresses": "gipi@example.org",
    "at": datetime(2026, 11, 25, 1, 2, tzinfo=UTC).isoformat(),
    "browser": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0",
    "client": "192.0.2.7",
}


@pytest.fixture
def gipi(db) -> User:
    make_publication()
    return User.objects.create_superuser("gipi", "gipi@example.org", "leverage-2026")


@pytest.fixture
def told(transactional_db, monkeypatch) -> list[tuple[str, str]]:
    """Enqueued alerts: kind and addresses."""
    queued: list[tuple[str, str]] = []
    put = lambda args, **options: queued.append((args[0]["kind"], args[0]["addresses"]))  # noqa: E731
    monkeypatch.setattr(tasks.tell_account, "apply_async", put)
    return queued


def log_in(**headers) -> Client:
    browser = Client(**headers)
    browser.post("/admin/login/", RIGHT)
    return browser


# --- Which ---


def test_the_first_login_is_no_news_and_another_browser_is(gipi, told):
    first = log_in()
    first.get("/admin/")
    first.post("/admin/logout/")
    first.post("/admin/login/", RIGHT)
    quiet = list(told)
    log_in()

    assert quiet == []
    assert told == [("new_browser", "gipi@example.org")]


def test_a_second_factor_that_is_added_renewed_or_removed_is_told(gipi, told):
    here = log_in()
    page = here.get("/admin/account/app/")
    secret = page.text.partition('class="secret">')[2].partition("<")[0].replace(" ", "")

    here.post("/admin/account/app/", {"code": totp_code(0, secret)})
    here.post("/admin/account/codes/")
    here.post(f"/admin/account/remove/{second_factors.factors_of(gipi).totp.pk}/")

    assert [kind for kind, _to in told] == ["factor_added", "codes_renewed", "factor_removed"]


def test_a_recovery_code_that_was_used_is_told(gipi, told):
    codes = add_totp_app(gipi)

    log_in().post("/admin/login/code/", {"code": codes[0]})

    assert told == [("code_used", "gipi@example.org")]


def test_five_wrong_codes_behind_the_right_password_are_told(gipi, told):
    add_totp_app(gipi)
    guesser = log_in()

    for _ in range(5):
        guesser.post("/admin/login/code/", {"code": "no code"})

    assert told == [("wrong_codes", "gipi@example.org")]


def test_a_new_password_is_told(gipi, told):
    here = log_in()
    new = dict.fromkeys(["new_password1", "new_password2"], "leverage-27-new")

    here.post("/admin/password_change/", {"old_password": "wrong"} | new)
    before = list(told)
    here.post("/admin/password_change/", {"old_password": "leverage-2026"} | new)

    assert before == []
    assert told == [("password_changed", "gipi@example.org")]


def take_over(user: User, email: str) -> None:
    typed = {"username": "gipi", "email": email} | dict.fromkeys(["password1", "password2"], "leverage-27-new")
    assert Client().post(author.start_link(user, base_url=""), typed).status_code == 302


def test_the_one_time_link_is_told_to_the_former_address_and_the_new_one(gipi, told):
    log_in()
    gipi.refresh_from_db()

    take_over(gipi, "thief@example.net")

    assert ("taken_over", "gipi@example.org,thief@example.net") in told


def test_an_account_without_an_address_is_told_of_in_the_log(gipi, told, caplog):
    User.objects.update(email="")
    log_in()
    log_in(REMOTE_ADDR="192.0.2.7")

    assert told == []
    assert f"Account {gipi.pk}: new_browser, from 192.0.2.7" in caplog.text


def test_a_queue_that_is_away_keeps_nobody_out(gipi, transactional_db, monkeypatch):
    def refuse(args, **options):
        raise OperationalError("the queue is away")

    monkeypatch.setattr(tasks.tell_account, "apply_async", refuse)
    log_in()

    assert log_in().get("/admin/").status_code == 200


# --- What they say ---


@pytest.mark.parametrize("kind", security_alerts.SecurityEvent)
@pytest.mark.parametrize("language", ["en", "zh-hant"])
def test_each_letter_is_written_in_the_language_of_the_publication(db, kind, language):
    make_publication(language=language)

    letter = security_alerts.build_alert_mail(FACTS | {"kind": kind.value})
    octets = letter.message().as_bytes()
    text = outbox.body_part(octets, "plain")

    assert letter.to == ["gipi@example.org"]
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"
    assert "192.0.2.7" in text
    assert "https://news.example.org/admin/account/" in text
    assert "Firefox" in text
    assert letter.subject.isascii() is (language == "en")


def test_the_worker_mails_it(db):
    make_publication()

    tasks.tell_account(FACTS)

    assert [one.subject for one in mail.outbox] == ["Somebody logged in with a new browser"]


def test_a_mail_server_that_is_away_breaks_nothing_and_is_logged(db, caplog, monkeypatch):
    make_publication()

    assert security_alerts.send_alert(FACTS | {"addresses": "not an address"}) is False
    assert "Could not send a security alert to gipi about new_browser: ValueError" in caplog.text
