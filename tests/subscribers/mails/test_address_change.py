from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from newsletter.mail import tokens
from subscribers import tasks
from subscribers.mails import address_change
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.address_changes import AddressChange
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW
from tests.support.letters import links_in_html, links_in_text

State = Subscriber.State
OLD, NEW = "old@example.org", "new@example.net"


@pytest.fixture
def subscriber():
    return make_subscriber(OLD, name="王小明", tags="vip")


@pytest.fixture
def change(subscriber):
    address_change.request_change(subscriber, NEW, NOW)
    return AddressChange.objects.get()


# --- Asking ---


def test_the_last_wish_counts(change, subscriber):
    address_change.request_change(subscriber, "newer@example.net", NOW)

    assert [one.email for one in AddressChange.objects.all()] == ["newer@example.net"]
    assert AddressChange.objects.for_token(change.confirm_url.split("/")[-2]) is None


def test_the_database_allows_one_open_wish(change, subscriber):
    with pytest.raises(IntegrityError), transaction.atomic():
        subscriber.address_changes.create(email="b@example.net", asked_at=NOW)


@pytest.mark.parametrize("reason", ["bounced", "complained", "manual"])
def test_an_address_that_must_not_be_mailed_is_not_asked(subscriber, reason):
    Suppression.objects.create(address_hash=address_hash("NEW@example.net"), email=NEW, reason=reason)

    assert not address_change.request_change(subscriber, NEW, NOW)
    assert not address_change.AddressChangeMailQueue().due_rows(NOW).exists()
    assert AddressChange.objects.get().email == NEW  # shown to the reader, who must not learn why no letter comes


# --- Confirming ---


def test_the_subscription_moves_with_all_that_belongs_to_it(change, subscriber):
    before = Subscriber.objects.values().get()

    assert address_change.confirm_change(change, NOW)

    after = Subscriber.objects.values().get()
    moved = {name for name, value in after.items() if before[name] != value}
    assert moved == {"email", "address_hash"}
    assert (after["email"], after["address_hash"]) == (NEW, address_hash(NEW))


def test_the_second_click_moves_nothing(change):
    address_change.confirm_change(change, NOW)
    stale = AddressChange.objects.get()
    stale.confirmed_at = None  # as a request that was faster read it

    assert not address_change.confirm_change(stale, NOW)
    assert not address_change.confirm_change(change, NOW)


def test_a_reader_at_the_new_address_goes_on_and_the_former_one_ends(change, subscriber):
    other = make_subscriber(NEW)

    address_change.confirm_change(change, NOW)

    subscriber.refresh_from_db()
    other.refresh_from_db()
    assert (subscriber.email, subscriber.state) == (OLD, State.UNSUBSCRIBED)
    assert (other.email, other.state) == (NEW, State.ACTIVE)


@pytest.mark.parametrize("state", [State.PENDING, State.UNSUBSCRIBED])
def test_an_old_row_of_the_new_address_gives_way(change, subscriber, state):
    make_subscriber(NEW, state=state)

    address_change.confirm_change(change, NOW)

    assert [(one.pk, one.email, one.state) for one in Subscriber.objects.all()] == [(subscriber.pk, NEW, State.ACTIVE)]


def test_an_erased_address_comes_back_by_its_owners_click(subscriber):
    Suppression.objects.create(address_hash=address_hash(NEW), reason=Suppression.Reason.ERASED)
    address_change.request_change(subscriber, NEW, NOW)

    address_change.confirm_change(AddressChange.objects.get(), NOW)

    assert Subscriber.objects.mailable(NOW).get().email == NEW


# --- Taking it back ---


def moved(subscriber, email):
    """Return the change that moved a reader to `email`."""
    address_change.request_change(subscriber, email, NOW)
    change = subscriber.address_changes.get(confirmed_at=None)
    assert address_change.confirm_change(change, NOW)
    subscriber.refresh_from_db()
    return change


def test_a_move_that_is_taken_back_leaves_the_row_as_it_was(subscriber):
    before = Subscriber.objects.values().get()
    change = moved(subscriber, NEW)

    assert address_change.undo_change(change, NOW)

    assert Subscriber.objects.values().get() == before
    assert [line.kind for line in subscriber.consents.all()] == ["moved", "moved"]


def test_a_chain_of_moves_is_taken_back_by_the_first_mailbox(subscriber):
    first, second = moved(subscriber, NEW), moved(subscriber, "third@example.com")

    assert address_change.undo_change(first, NOW)

    subscriber.refresh_from_db()
    second.refresh_from_db()
    assert subscriber.email == OLD
    assert not address_change.undo_change(second, NOW)


def test_of_a_chain_the_last_move_alone_can_be_taken_back_and_then_the_first(subscriber):
    first, second = moved(subscriber, NEW), moved(subscriber, "third@example.com")

    assert address_change.undo_change(second, NOW)
    subscriber.refresh_from_db()
    assert subscriber.email == NEW

    assert address_change.undo_change(first, NOW)
    subscriber.refresh_from_db()
    assert subscriber.email == OLD


def test_what_was_asked_at_the_new_address_ends_with_it(subscriber):
    change = moved(subscriber, NEW)
    address_change.request_change(subscriber, "third@example.com", NOW)
    wish = subscriber.address_changes.get(confirmed_at=None)

    address_change.undo_change(change, NOW)

    assert AddressChange.objects.for_token(wish.confirm_url.split("/")[-2]) is None
    assert [one.pk for one in AddressChange.objects.all()] == [change.pk]


def test_who_left_at_the_new_address_is_back_at_the_former_one(subscriber):
    change = moved(subscriber, NEW)
    subscriber.unsubscribe(NOW)
    change.refresh_from_db()

    address_change.undo_change(change, NOW)

    assert Subscriber.objects.mailable(NOW).get().email == OLD


def test_who_was_merged_into_another_reader_is_one_of_his_own_again(change, subscriber):
    other = make_subscriber(NEW)
    address_change.confirm_change(change, NOW)

    address_change.undo_change(change, NOW)

    assert {one.email for one in Subscriber.objects.mailable(NOW)} == {OLD, other.email}


def test_a_former_address_that_has_signed_up_anew_goes_on_and_the_moved_one_ends(subscriber):
    change = moved(subscriber, NEW)
    anew = make_subscriber(OLD)

    address_change.undo_change(change, NOW)

    assert [one.pk for one in Subscriber.objects.mailable(NOW)] == [anew.pk]


def test_nothing_is_taken_back_that_was_not_confirmed(change):
    assert not address_change.undo_change(change, NOW)
    assert AddressChange.objects.for_undo_token(change.undo_url.split("/")[-3]) is None


# --- Telling ---


def test_the_new_address_is_asked_and_then_the_former_one_is_told(change, letters):
    (asked,) = letters()
    address_change.confirm_change(AddressChange.objects.get(), NOW)
    former = letters()[1]

    assert (asked.to, former.to) == ([NEW], ['"王小明" <old@example.org>'])
    assert change.confirm_url in asked.body
    assert "n•••@e•••.net" in former.body
    assert NEW not in former.body
    assert not address_change.AddressChangeMailQueue().due_rows(NOW + timedelta(days=1)).exists()


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_both_parts_carry_the_same_links_and_a_machine_says_so(change, letters, is_confirmed):
    if is_confirmed:
        address_change.confirm_change(change, NOW)

    (letter,) = letters()

    assert links_in_text(letter.body) == links_in_html(letter.alternatives[0][0])
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"
    assert letter.extra_headers["Message-ID"].startswith("<address_change")
    assert (change.confirm_url in letter.body) is not is_confirmed
    assert letter.body.count("/undo/") == is_confirmed


def test_changes_are_forgotten_after_thirty_days(change, clock):
    clock.shift(timedelta(days=29))
    tasks.forget_unconfirmed()
    assert AddressChange.objects.exists()

    clock.shift(timedelta(days=1))
    tasks.forget_unconfirmed()
    assert not AddressChange.objects.exists()


def test_the_link_is_bound_to_the_address_it_was_sent_to(change):
    token = tokens.sign("address", change.pk, NEW + change.token_salt)
    assert AddressChange.objects.for_token(token) == change

    AddressChange.objects.update(email="other@example.net")

    assert AddressChange.objects.for_token(token) is None
