"""Settings that cannot work together."""

from newsletter.desk.checks import check_environment


def _found(*, ids_only: bool = True) -> list:
    return [message.id if ids_only else message.msg for message in check_environment(None)]


def test_a_send_rate_must_let_something_through(settings):
    settings.SEND_RATE = 0.0

    assert _found(ids_only=False) == ["SEND_RATE must be more than 0 messages a second, got 0."]


def test_there_are_no_fewer_than_no_proxies(settings):
    settings.TRUSTED_PROXIES = -1

    assert _found(ids_only=False) == ["TRUSTED_PROXIES must be 0 or more, got -1."]


def test_copies_are_kept_for_ninety_days_at_least(settings):
    settings.KEEP_DELIVERIES_DAYS = 89

    assert _found(ids_only=False) == ["KEEP_DELIVERIES_DAYS must be 90 or more, got 89."]


def test_a_new_secret_differs_from_the_former_ones(settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]

    assert _found() == ["newsletter.W001"]


def test_a_mailbox_is_one_that_can_be_logged_in_to(settings):
    settings.MAILBOX_URL = "pop3://bounces:hunter2@mail.example.org"

    assert _found(ids_only=False) == ["MAILBOX_URL must be like imaps://user:password@host/INBOX."]


def test_the_password_of_a_database_that_is_not_named_begins_no_other_newsletter(settings):
    settings.DATABASE_URL, settings.DATABASE_PASSWORD = "", "hunter2"

    assert _found(ids_only=False) == ["DATABASE_PASSWORD is given, but DATABASE_URL is not."]
