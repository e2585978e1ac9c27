from datetime import timedelta

import pytest

from newsletter.mail import tokens
from subscribers.models import Subscriber
from subscribers.models.address_changes import AddressChange
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.pages.test_views import ONE_CLICK, body

State = Subscriber.State
PURPOSES = ["confirm", "unsubscribe", "preferences", "undo", "feedback"]


def token_of(url: str) -> str:
    return path_of(url).split("/")[2]


def like(lost: Subscriber, email: str) -> Subscriber:
    """Return a new row that got the id of a lost one, and is otherwise in the same state."""
    fields = ("pk", "state", "confirmed_at", "unsubscribed_at", "signup_round")
    return make_subscriber(email, **{name: getattr(lost, name) for name in fields})


# --- A restore gives ids anew ---


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("state", [State.PENDING, State.ACTIVE, State.UNSUBSCRIBED])
def test_after_a_restore_the_links_of_a_lost_reader_open_nothing_of_the_next_one_with_his_id(purpose, state):
    lost = make_subscriber("lost@example.org", state=state)
    token, old = lost.token(purpose), tokens.sign(purpose, lost.pk, {"confirm": "1"}.get(purpose, ""))
    Subscriber.objects.all().delete()  # the restored database has never seen him

    anew = like(lost, "next@example.org")

    assert Subscriber.objects.for_token(token, purpose) is None
    assert Subscriber.objects.for_token(old, purpose) is None
    assert Subscriber.objects.for_token(anew.token(purpose), purpose) == anew


def test_after_a_restore_the_same_address_with_the_same_id_is_another_row():
    lost = make_subscriber("reader@example.org")
    token, fresh = lost.token("preferences"), lost.fresh_token(NOW)
    Subscriber.objects.all().delete()

    like(lost, "reader@example.org")

    assert Subscriber.objects.for_token(token, "preferences") is None
    assert Subscriber.objects.for_fresh_token(fresh, NOW) is None


def test_after_a_restore_the_confirmation_of_a_lost_sign_up_changes_nobody(client, sign_up, letters):
    """Backup, a sign-up, restore, another sign-up that gets the id: then the first one opens his letter."""
    sign_up("first@example.org")
    lost = Subscriber.objects.get()
    Subscriber.objects.all().delete()
    make_subscriber("second@example.org", pk=lost.pk, state=State.PENDING, confirmed_at=None)
    sign_up("second@example.org")
    leave, confirm = path_of(lost.unsubscribe_url), path_of(lost.confirm_url)

    answers = [client.get(confirm), client.post(confirm), client.get(leave), client.post(leave, ONE_CLICK)]

    second = Subscriber.objects.get()
    assert [answer.status_code for answer in answers] == [404] * 4
    assert not any("second" in body(answer) or "s•••" in body(answer) for answer in answers)
    assert (second.pk, second.state, second.confirmed_at) == (lost.pk, State.PENDING, None)


def test_after_a_restore_a_lost_change_of_address_confirms_no_other_one():
    lost = AddressChange.objects.create(subscriber=make_subscriber(), email="new@example.net", asked_at=NOW)
    url, old = lost.confirm_url, tokens.sign("address", lost.pk, lost.email)
    lost.delete()

    anew = AddressChange.objects.create(pk=lost.pk, subscriber=make_subscriber(), email="new@example.net", asked_at=NOW)

    assert AddressChange.objects.for_token(token_of(url)) is None
    assert AddressChange.objects.for_token(old) is None
    assert AddressChange.objects.for_token(token_of(anew.confirm_url)) == anew


# --- The values ---


def test_each_row_has_a_value_of_its_own():
    salts = {make_subscriber().token_salt for _ in range(50)}

    assert len(salts) == 50
    assert {len(salt) for salt in salts} == {tokens.SALT_LENGTH}


def test_an_expired_sign_up_link_stays_expired_with_the_value(sign_up, client, clock, letters):
    sign_up("reader@example.org")
    letters()
    clock.shift(timedelta(days=8))

    assert client.get(path_of(Subscriber.objects.get().confirm_url)).status_code == 410


def test_a_former_address_is_not_asked_of_the_database_more_often_for_an_id_that_exists(
    client, django_assert_num_queries
):
    """Else the time of an answer would tell how many readers there are."""
    taken, free = make_subscriber().pk, 10**6
    counted = []

    for number in (taken, free):
        with django_assert_num_queries(2):
            token = tokens.sign("preferences", number, "guessed")
            counted.append(
                (
                    Subscriber.objects.for_token(token, "preferences"),
                    Subscriber.objects.has_moved_away(token, "preferences"),
                )
            )

    assert counted == [(None, False)] * 2
