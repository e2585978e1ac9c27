from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from subscribers.models import Invitation, Subscriber, Suppression, address_hash
from subscribers.models.consents import Consent, ConsentDetails
from subscribers.signup import SignupDetails, add_manually, sign_up
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW

FORM = ConsentDetails("web:home", text="the words shown", ip="203.0.113.7")


def test_a_new_address_waits_for_its_owner():
    is_due = sign_up("reader@example.org", FORM, NOW)

    subscriber = Subscriber.objects.get()
    assert is_due
    assert (subscriber.state, subscriber.confirmation_due_at) == ("pending", NOW)
    (line,) = subscriber.consents.all()
    assert (line.kind, line.source, line.text.words, line.ip) == ("asked", "web:home", "the words shown", "203.0.113.7")


@pytest.mark.parametrize("spelling", ["READER@example.org", "reader@EXAMPLE.ORG", "ｒeader@example.org"])
def test_another_spelling_is_the_same_reader(spelling):
    sign_up("reader@example.org", FORM, NOW)

    is_due = sign_up(spelling, FORM, NOW)

    assert (is_due, Subscriber.objects.count()) == (False, 1)


@pytest.mark.parametrize("reason", ["bounced", "complained", "manual"])
def test_a_suppressed_address_is_not_even_kept(reason):
    Suppression.objects.create(address_hash=address_hash("reader@example.org"), reason=reason)

    is_due = sign_up("reader@example.org", FORM, NOW)

    assert not is_due
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(("again", "kept"), [("Anne", "Anne"), ("", "Ann")])
def test_the_name_that_was_typed_last_is_kept_and_no_name_deletes_none(again, kept):
    for minutes, name in [(0, "Ann"), (20, again)]:
        assert sign_up("reader@example.org", FORM, NOW + timedelta(minutes=minutes), who=SignupDetails(name))

    assert Subscriber.objects.get().name == kept


def test_a_reader_who_left_and_is_signed_up_by_another_stays_away():
    reader = make_subscriber("reader@example.org")
    reader.unsubscribe(NOW)

    sign_up("reader@example.org", FORM, NOW + timedelta(minutes=30))

    assert not Subscriber.objects.mailable(NOW + timedelta(days=1)).exists()
    assert reader.can_undo(NOW + timedelta(minutes=30))


def test_a_reader_who_is_added_by_hand_is_active_at_once():
    reader = Subscriber(email="reader@example.org")

    add_manually(reader, ConsentDetails("by hand: at the fair"), NOW)

    assert list(Subscriber.objects.mailable(NOW)) == [reader]
    (line,) = reader.consents.all()
    assert (line.kind, line.source, reader.welcomed_at) == (Consent.Kind.IMPORTED, "by hand: at the fair", None)


@pytest.mark.django_db(transaction=True)
def test_twenty_at_the_same_moment_make_one_letter():
    def post(_number: int) -> bool:
        try:
            return sign_up("reader@example.org", FORM, NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        due = list(pool.map(post, range(20)))

    assert due.count(True) == 1
    assert Subscriber.objects.count() == 1


def test_who_has_left_invites_nobody_any_more():
    reader = make_subscriber()
    reader.unsubscribe(NOW)

    sign_up("friend@example.org", FORM, NOW, who=SignupDetails(inviter=reader))

    assert not Invitation.objects.exists()


def test_a_mail_that_waits_its_turn_is_not_sent_sooner_by_another_that_would_wait():
    sign_up("reader@example.org", FORM, NOW, send_at=NOW + timedelta(minutes=9))

    is_due = sign_up("reader@example.org", FORM, NOW, send_at=NOW + timedelta(minutes=5))

    assert is_due is False
    assert Subscriber.objects.get().confirmation_due_at == NOW + timedelta(minutes=9)


def test_nobody_renames_a_reader_by_signing_them_up():
    make_subscriber("reader@example.org", name="Ming")

    sign_up("reader@example.org", FORM, NOW, who=SignupDetails(name="Mallory"))

    assert Subscriber.objects.get().name == "Ming"
