from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from newsletter.mail.mail_queue import send_next_of
from subscribers import tasks
from subscribers.mails import address_change
from subscribers.mails.sending import SignUpMailQueue
from subscribers.models import Subscriber, address_hash
from subscribers.models.address_changes import AddressChange
from subscribers.models.consents import ConsentDetails
from subscribers.models.mail_queue import MailBudget, consume_mail_quota
from subscribers.signup import sign_up
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW

FORM = ConsentDetails("web:home")
HOUR = timedelta(hours=1)


def spend(email: str) -> None:
    assert [consume_mail_quota(email, NOW) for _mail in range(3)] == [True, True, True]


# --- Taking ---


def test_a_mailbox_has_three_mails_a_day():
    assert [consume_mail_quota("reader@example.org", NOW) for _mail in range(5)] == [True, True, True, False, False]


def test_a_mailbox_is_not_closed_for_days_because_of_mails_of_the_future():
    for _mail in range(3):
        consume_mail_quota("ada@example.org", NOW + timedelta(days=3))

    assert [consume_mail_quota("ada@example.org", NOW) for _mail in range(4)] == [True, True, True, False]


def test_every_mailbox_has_its_own():
    spend("reader@example.org")

    assert consume_mail_quota("other@example.org", NOW)


def test_a_mail_counts_for_24_hours():
    for hour in (0, 10, 20):
        assert consume_mail_quota("reader@example.org", NOW + hour * HOUR)

    hours = [hour for hour in range(21, 48) if consume_mail_quota("reader@example.org", NOW + hour * HOUR)]

    assert hours == [24, 34, 44]


def test_spellings_of_one_mailbox_share():
    spellings = ["v.ictim+1@gmail.com", "vi.ctim+2@googlemail.com", "VICTIM@gmail.com", "victim@gmail.com"]

    assert [consume_mail_quota(spelling, NOW) for spelling in spellings] == [True, True, True, False]


def test_the_table_tells_no_address():
    consume_mail_quota("reader@example.org", NOW)

    row = MailBudget.objects.get()
    assert len(row.mailbox) == 32
    assert "reader" not in f"{row} {vars(row)}"
    assert row.mailbox != address_hash("reader@example.org")


@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_the_same_moment_three_are_counted():
    def one(_number: int) -> bool:
        try:
            return consume_mail_quota("reader@example.org", NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(20))) == 3


def test_what_limits_nobody_is_forgotten_by_the_daily_task(clock):
    consume_mail_quota("old@example.org", NOW)
    clock.shift(HOUR)
    consume_mail_quota("new@example.org", NOW + HOUR)
    clock.shift(23 * HOUR)

    tasks.forget_unconfirmed()

    assert MailBudget.objects.get().latest == NOW + HOUR
    assert [consume_mail_quota("new@example.org", NOW + 24 * HOUR) for _mail in range(3)] == [True, True, False]


# --- The doors that take ---


def test_a_mailbox_is_not_bombed_through_several_doors(client, sign_up, letters):
    readers = [make_subscriber() for _reader in range(3)]
    make_subscriber("victim+known@gmail.com")
    for number, reader in enumerate(readers):
        client.post(f"{path(reader)}address/", {"email": f"v.ictim+{number}@gmail.com"})
        sign_up(f"vic.tim+{number}@gmail.com")
    sign_up("victim+known@gmail.com")

    assert len(letters()) == 3


def test_a_sign_up_beyond_the_budget_leaves_no_trace():
    spend("victim@gmail.com")

    assert not sign_up("v.ictim+1@gmail.com", FORM, NOW)
    assert not Subscriber.objects.exists()


def test_a_sign_up_beyond_the_budget_may_be_tried_again_when_there_is_room():
    sign_up("victim@gmail.com", FORM, NOW - 25 * HOUR)
    spend("victim@gmail.com")
    before = Subscriber.objects.values().get()

    refused = sign_up("victim@gmail.com", ConsentDetails("web:other"), NOW)
    assert Subscriber.objects.values().get() == before

    later = sign_up("victim@gmail.com", FORM, NOW + 24 * HOUR)
    assert (refused, later) == (False, True)


def test_a_sign_up_that_needs_no_mail_takes_nothing():
    for _post in range(10):
        sign_up("reader@example.org", FORM, NOW)

    assert [consume_mail_quota("reader@example.org", NOW) for _mail in range(3)] == [True, True, False]


def test_the_page_does_not_tell_that_the_budget_is_spent(sign_up):
    spend("victim@gmail.com")

    pages = [sign_up(email).content.decode().replace(email, "X") for email in ("victim@gmail.com", "other@gmail.com")]

    assert pages[0] == pages[1]


def test_a_reader_does_not_learn_that_the_budget_of_another_is_spent(client):
    reader = make_subscriber()
    spend("victim@gmail.com")
    pages = []
    for email in ("victim@gmail.com", "other@gmail.com"):
        client.post(f"{path(reader)}address/", {"email": email})
        pages.append(client.get(path(reader)).content.decode().replace(email, "X"))

    assert pages[0] == pages[1]
    assert "X" in pages[0]


def test_the_former_address_is_told_of_a_move_even_if_its_budget_is_spent():
    reader = make_subscriber("old@example.org")
    address_change.request_change(reader, "new@example.net", NOW)
    spend("old@example.org")

    address_change.confirm_change(AddressChange.objects.get(), NOW)

    assert address_change.AddressChangeMailQueue().due_rows(NOW).get().mailed_address == "old@example.org"


def test_that_it_is_told_counts():
    reader = make_subscriber("old@example.org")
    address_change.request_change(reader, "new@example.net", NOW)
    address_change.confirm_change(AddressChange.objects.get(), NOW)

    assert [consume_mail_quota("old@example.org", NOW) for _mail in range(3)] == [True, True, False]


def test_the_tries_of_one_mail_count_once(monkeypatch, settings):
    settings.MAILERS = {"default": {"BACKEND": "tests.subscribers.mails.test_sending.Provider"}}
    monkeypatch.setattr("tests.subscribers.mails.test_sending.Provider.answers", [ConnectionRefusedError()] * 3)
    sign_up("reader@example.org", FORM, NOW)

    went_on = [send_next_of([SignUpMailQueue()], NOW + timedelta(minutes=minutes)) for minutes in (0, 1, 2, 4)]

    assert went_on == [False, False, False, True]

    assert [consume_mail_quota("reader@example.org", NOW) for _mail in range(3)] == [True, True, False]


def path(reader: Subscriber) -> str:
    return reader.data_url(NOW).removeprefix("https://news.example.org")
