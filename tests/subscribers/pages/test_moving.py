from datetime import timedelta

import pytest
from kombu.exceptions import OperationalError

from subscribers import tasks
from subscribers.models import Subscriber, Suppression, address_hash
from subscribers.models.address_changes import AddressChange
from tests.factories import make_subscriber
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.pages.test_views import ONE_CLICK, body
from tests.support.letters import link_to

NEW = "new@example.net"


@pytest.fixture
def ask(client, reader):
    """Fill the form on the page of a fresh link, and return the page that follows."""

    def post(email=NEW, **where):
        path = path_of(reader.data_url(NOW)) + "address/"
        return client.post(path, {"email": email}, follow=True, **where)

    return post


@pytest.fixture
def link(ask, letters):
    """Return the link in the letter to the new address."""
    ask()
    return path_of(link_to("/address/", letters()[-1].body))


def test_a_reader_moves_from_the_page_of_a_fresh_link_to_his_new_mailbox(ask, client, letters, reader):
    page = ask()
    link = path_of(link_to("/address/", letters()[-1].body))
    asked = client.get(link)
    moved = client.post(link)

    assert f"A letter to {NEW} asks whether this is your address." in body(page)
    assert "<strong>n•••@e•••.net</strong>" in body(asked)
    assert "Your address has been changed" in body(moved)
    assert Subscriber.objects.get().email == NEW
    assert [letter.to for letter in letters()] == [[NEW], ["reader@example.org"]]


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_link_scanner_moves_nothing(client, link, method):
    getattr(client, method)(link)

    assert Subscriber.objects.get().email == "reader@example.org"


def test_the_second_click_says_that_it_is_done(client, link):
    client.post(link)

    assert "Your address has been changed" in body(client.get(link))
    assert "Your address has been changed" in body(client.post(link))
    assert AddressChange.objects.get().former == "reader@example.org"


@pytest.mark.parametrize("purpose", ["preferences", "feedback"])
def test_after_a_move_the_links_of_the_former_address_tell_nothing(client, link, reader, purpose):
    old = f"/{purpose}/{reader.token(purpose)}/"
    client.post(link)

    response = client.get(old)

    assert response.status_code == 410
    assert "This letter went to a former address" in body(response)
    assert "n•••" not in body(response)
    assert "new@" not in body(response)


def test_after_a_move_a_letter_to_the_former_address_ends_no_subscription(client, link, reader):
    old = path_of(reader.unsubscribe_url)
    client.post(link)

    answers = [client.post(old, ONE_CLICK), client.post(old), client.get(old)]

    reader.refresh_from_db()
    assert [answer.status_code for answer in answers] == [410, 410, 410]  # by 200 a mail program says: you have left
    assert "open a link in any letter at your new address" in body(answers[1])
    assert 'href="/preferences/"' in body(answers[0])
    assert (reader.email, reader.state) == (NEW, Subscriber.State.ACTIVE)


def test_the_letters_to_the_new_address_have_links_of_their_own(client, link, reader):
    client.post(link)
    reader.refresh_from_db()

    assert "<strong>n•••@e•••.net</strong>" in body(client.get(path_of(reader.preferences_url)))


# --- Taking it back ---


@pytest.fixture
def undo(client, link, letters):
    """Return the link in the letter to the former address."""
    client.post(link)
    return path_of(link_to("/undo/", letters()[-1].body))


def test_the_former_address_takes_a_move_back_with_one_button(client, undo, link, letters, reader):
    reader.refresh_from_db()
    theirs = path_of(reader.preferences_url)

    asked, state = client.get(undo), Subscriber.objects.get().email
    done = client.post(undo)

    assert letters()[-1].to == ["reader@example.org"]
    assert "Take the change back?" in body(asked)
    assert state == NEW
    assert "Everything is as it was" in body(done)
    assert "r•••@e•••.org" in body(done)
    reader.refresh_from_db()
    assert reader.email == "reader@example.org"
    assert client.get(path_of(reader.preferences_url)).status_code == 200
    assert client.get(theirs).status_code == 410
    assert "This change was taken back" in body(client.post(link))


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_link_scanner_takes_nothing_back(client, undo, method):
    getattr(client, method)(undo)

    assert Subscriber.objects.get().email == NEW


def test_pressing_twice_is_a_success_and_one_move(client, undo):
    first, second = client.post(undo), client.post(undo)

    assert [first.status_code, second.status_code] == [200, 200]
    assert "Everything is as it was" in body(second)
    assert Subscriber.objects.get().consents.filter(kind="moved").count() == 2


@pytest.mark.parametrize(("days", "status", "email"), [(13, 200, "reader@example.org"), (14, 410, NEW)])
def test_a_move_can_be_taken_back_for_fourteen_days(client, undo, clock, days, status, email):
    clock.shift(timedelta(days=days))

    response = client.post(undo)

    assert (response.status_code, Subscriber.objects.get().email) == (status, email)
    assert ("Please reply to the letter" in body(response)) is (status == 410)


def test_the_link_of_the_new_mailbox_takes_nothing_back(client, link, undo):
    token = link.split("/")[2]

    assert client.post(f"/address/{token}/undo/").status_code == 404
    assert client.post(f"/address/{undo.split('/')[2]}/").status_code == 404


def test_the_pages_are_nobody_elses_business(client, link):
    response = client.get(link)

    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store, private"
    assert not response.cookies


@pytest.mark.parametrize("typed", ["", "nobody", "a@b@c", "reader@example.org", "READER@example.org"])
def test_what_is_no_other_address_is_said_beside_the_field(ask, typed):
    response = ask(typed)

    assert response.status_code == 422
    assert 'id="id_email-error"' in body(response)
    assert not AddressChange.objects.exists()


def test_the_page_does_not_tell_who_else_reads_or_must_not_be_mailed(ask):
    make_subscriber("known@example.net")
    Suppression.objects.create(address_hash=address_hash("barred@example.net"), reason="bounced")

    known = body(ask("known@example.net"))
    AddressChange.objects.all().delete()
    stranger = body(ask("stranger@example.net"))

    barred = body(ask("barred@example.net"))

    assert known.replace("known@", "stranger@") == stranger
    assert barred.replace("barred@", "stranger@") == stranger


def test_a_reader_may_not_have_letters_sent_around(ask):
    answers = [ask(f"stranger{number}@example.net").status_code for number in range(7)]

    assert answers == [200] * 5 + [429] * 2


@pytest.mark.parametrize(
    "door", ["/mine/1abcdefghijklmnop/address/", "/address/1abcdefghijklmnop/", "/address/1abcdefghijklmnop/undo/"]
)
def test_a_guessed_link_opens_nothing(client, db, door):
    assert client.post(door).status_code == 404


def test_an_old_link_says_where_a_new_one_is_had(client, link, clock):
    clock.shift(timedelta(days=7))

    response = client.post(link)

    assert response.status_code == 410
    assert "Ask again on the page of your preferences" in body(response)
    assert Subscriber.objects.get().email == "reader@example.org"


def test_who_has_left_is_told_so(ask, client, link, reader):
    reader.unsubscribe(reader.confirmed_at)

    assert client.post(link).status_code == 410
    assert ask().status_code == 410


def test_a_queue_that_is_gone_loses_no_letter(ask, monkeypatch, caplog, django_capture_on_commit_callbacks):
    def refuse(*args, **options):
        raise OperationalError("no queue")

    monkeypatch.setattr(tasks.send_confirmations, "apply_async", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        assert ask().status_code == 200
    assert AddressChange.objects.get().due_at
    assert "queue fails" in caplog.text
