from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.consents import ConsentDetails
from subscribers.models.notes import Pause
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW

State = Subscriber.State
PROMISED_LENGTH = 74  # characters: from 75 on Django 6.1 on Python 3.13 ruins the header


def test_mailable_is_who_is_active_or_awake_again_and_not_suppressed():
    active = make_subscriber()
    rested = make_subscriber(state=State.PAUSED, paused_until=NOW)
    make_subscriber(state=State.PAUSED, paused_until=NOW + timedelta(seconds=1))
    make_subscriber(state=State.PENDING, confirmed_at=None)
    make_subscriber(state=State.UNSUBSCRIBED)
    make_subscriber().suppress(Suppression.Reason.COMPLAINED)

    assert set(Subscriber.objects.mailable(NOW)) == {active, rested}


def test_one_address_has_one_row_in_every_spelling():
    make_subscriber("Reader@例子.台灣")

    with pytest.raises(IntegrityError):
        make_subscriber("reader@xn--fsqu00a.xn--kpry57d")


def test_a_hash_does_not_tell_the_address_without_the_salt_of_this_installation():
    assert address_hash("reader@example.org", "one") != address_hash("reader@example.org", "other")
    assert len(address_hash("reader@example.org")) == 32


@pytest.mark.parametrize("number", [1, 1_000_000, 62**5])
def test_a_link_to_leave_is_short_enough_for_its_header(number):
    assert len(Subscriber(pk=number).unsubscribe_url) <= PROMISED_LENGTH


@pytest.mark.parametrize(
    "fields",
    [{"state": State.PAUSED}, {"confirmed_at": None}, {"state": State.UNSUBSCRIBED, "unsubscribed_at": None}],
)
def test_what_cannot_be_is_refused_by_the_database(fields):
    with pytest.raises(IntegrityError):
        make_subscriber(**fields)


def test_a_transition_that_came_too_late_changes_nothing():
    first = make_subscriber()
    second = Subscriber.objects.get()
    first.unsubscribe(NOW)

    assert second.unsubscribe(NOW + timedelta(hours=1)) is False
    assert second.pause(NOW + timedelta(days=30), NOW) is False
    assert Subscriber.objects.get().unsubscribed_at == NOW


@pytest.mark.parametrize(
    ("after", "is_asked"),
    [
        (timedelta(minutes=9), False),
        (timedelta(minutes=10), True),
    ],
)
def test_a_stranger_may_ask_once_more_after_ten_minutes(after, is_asked):
    stranger = make_subscriber(state=State.PENDING, confirmed_at=None)
    stranger.ask(ConsentDetails("web:home"), NOW)

    assert stranger.ask(ConsentDetails("web:home"), NOW + after) is is_asked


@pytest.mark.parametrize(("after", "is_asked"), [(timedelta(hours=24), False), (timedelta(hours=24, minutes=10), True)])
def test_then_a_stranger_may_ask_once_a_day(after, is_asked):
    stranger = make_subscriber(state=State.PENDING, confirmed_at=None)
    stranger.ask(ConsentDetails("web:home"), NOW)
    stranger.ask(ConsentDetails("web:home"), NOW + timedelta(minutes=10))

    assert stranger.ask(ConsentDetails("web:home"), NOW + after) is is_asked


def test_asking_adds_nothing_to_the_record_of_a_reader():
    reader = make_subscriber()

    asked = reader.ask(ConsentDetails("web:forged"), NOW)

    assert (asked, reader.consents.exists()) == (True, False)


def test_erasing_leaves_a_hash_and_nothing_else():
    reader = make_subscriber("reader@example.org", name="小明")
    reader.unsubscribe(NOW, ConsentDetails("page", "words", "203.0.113.7"))
    reader.suppress(Suppression.Reason.COMPLAINED, note="reader@example.org wrote")

    reader.erase()

    left = Suppression.objects.get()
    assert (left.email, left.note, left.reason) == ("", "", Suppression.Reason.ERASED)
    assert left.address_hash == address_hash("READER@example.org")
    assert not Subscriber.objects.exists()


def test_the_first_reason_of_a_suppression_stands():
    reader = make_subscriber()

    first = reader.suppress(Suppression.Reason.COMPLAINED)
    second = reader.suppress(Suppression.Reason.MANUAL)

    assert (first, second) == (True, False)
    assert Suppression.objects.get().reason == Suppression.Reason.COMPLAINED


def test_a_token_is_opened_by_one_query():
    reader = make_subscriber()
    token = reader.preferences_url.split("/")[-2]

    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = Subscriber.objects.for_token(token, "preferences")

    assert (found, len(queries)) == (reader, 1)


def test_a_confirmation_that_comes_after_a_leaving_brings_nobody_back():
    reader = make_subscriber(state=State.PENDING, confirmed_at=None)
    read_before = Subscriber.objects.get()
    reader.unsubscribe(NOW)

    assert read_before.confirm(NOW) is False
    assert Subscriber.objects.get().state == State.UNSUBSCRIBED


def test_a_leaving_can_be_taken_back_for_an_hour_and_once():
    reader = make_subscriber()
    reader.unsubscribe(NOW)

    assert reader.can_undo(NOW + timedelta(minutes=59))
    assert not reader.can_undo(NOW + timedelta(hours=1))
    assert [reader.undo(NOW + timedelta(minutes=5)) for _time in range(2)] == [True, False]


def test_who_has_left_once_more_is_not_brought_back_by_what_was_read_before():
    reader = make_subscriber()
    reader.unsubscribe(NOW)
    read_before = Subscriber.objects.get()
    reader.undo(NOW + timedelta(hours=1))
    reader.unsubscribe(NOW + timedelta(hours=2))

    assert read_before.undo(NOW + timedelta(hours=3)) is False


def test_a_pause_that_is_over_keeps_its_end():
    reader = make_subscriber()
    reader.pause(NOW + timedelta(days=1), NOW)

    assert reader.resume(NOW + timedelta(days=3)) is True
    assert Pause.objects.get().until == NOW + timedelta(days=1)


def test_a_new_confirmation_ends_the_pause_before():
    reader = make_subscriber()
    reader.pause(NOW + timedelta(days=30), NOW)
    Suppression.objects.create(address_hash=reader.address_hash, reason="complained", reopened_at=NOW)

    assert reader.confirm(NOW + timedelta(days=1)) is True
    assert Pause.objects.get().until == NOW + timedelta(days=1)
