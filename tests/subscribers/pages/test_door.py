"""The door for whoever has no letter: an address is typed, and the answer tells nobody who reads here."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from subscribers import tasks
from subscribers.mails import sending
from subscribers.models import LinkWish, Subscriber, Suppression
from subscribers.models.mail_queue import FreshLink
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.pages.test_views import body

DOOR = "/preferences/"


@pytest.fixture
def ask(client, db):
    def post(email, **more):
        return client.post(DOOR, {"email": email}, **more)

    return post


def words(page, address) -> str:
    return re.sub(r"\s+", " ", body(page).replace(address, "…"))


def test_the_link_goes_to_the_mailbox_and_opens_the_data(ask, client, reader, letters):
    page = ask("reader@example.org")
    tasks.send_confirmations()
    (letter,) = letters()
    link = re.search(r"https://news\.example\.org(/mine/\S+/)", letter.body)[1]

    assert page.status_code == 200
    assert "reader@example.org" in body(client.get(link))
    assert not LinkWish.objects.exists()
    assert not FreshLink.objects.exists()


def test_a_stranger_is_answered_the_same_and_mailed_nothing(ask, reader, letters):
    known, unknown = ask("reader@example.org"), ask("nobody@example.org")

    assert words(known, "reader@example.org") == words(unknown, "nobody@example.org")
    assert [page.status_code for page in (known, unknown)] == [200, 200]
    tasks.send_confirmations()
    assert [letter.to for letter in letters()] == [["reader@example.org"]]


def test_the_page_asks_the_database_the_same_whoever_it_is(ask, reader):
    def queries(address):
        with CaptureQueriesContext(connection) as found:
            ask(address)
        return [re.sub(r"'[^']*'", "?", one["sql"]) for one in found]

    queries("first@example.org")

    assert queries("reader@example.org") == queries("nobody@example.org")


@pytest.mark.parametrize("email", ["READER@example.org", " reader@example.org "])
def test_an_address_is_known_however_it_is_written(ask, reader, letters, email):
    ask(email)
    tasks.send_confirmations()

    assert [letter.to for letter in letters()] == [["reader@example.org"]]


def test_two_wishes_make_one_mail(ask, reader, letters):
    ask("reader@example.org")
    ask("reader@example.org")
    tasks.send_confirmations()

    assert len(letters()) == 1


def test_who_has_left_can_still_see_and_delete_what_is_kept(ask, client, reader, letters):
    reader.unsubscribe(NOW)
    ask("reader@example.org")
    tasks.send_confirmations()
    (letter,) = letters()
    link = re.search(r"https://news\.example\.org(/mine/\S+/)", letter.body)[1]

    page = body(client.get(link))
    assert "does not come to" in page
    assert 'name="name"' not in page
    client.post(link + "erase/", {"confirmed": "yes"})
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("state", ["pending", "suppressed"])
def test_who_never_confirmed_or_must_not_be_mailed_gets_nothing(ask, reader, letters, state):
    if state == "pending":
        Subscriber.objects.update(state=Subscriber.State.PENDING, confirmed_at=None)
    else:
        reader.suppress(Suppression.Reason.COMPLAINED)

    ask("reader@example.org")
    tasks.send_confirmations()

    assert letters() == []
    assert not LinkWish.objects.exists()


def test_what_is_no_address_is_said_and_kept_in_the_field(ask):
    page = ask("reader@")

    assert page.status_code == 422
    assert 'value="reader@"' in body(page)
    assert not LinkWish.objects.exists()


def test_a_network_that_asks_and_asks_is_told_when_it_may_again(ask, reader):
    pages = [ask(f"a{number}@example.org") for number in range(12)]

    assert [page.status_code for page in pages] == [200] * 10 + [429] * 2
    assert int(pages[-1].headers["Retry-After"]) <= 600
    assert LinkWish.objects.count() == 10


def test_a_wish_is_granted_once_by_two_workers(reader):
    LinkWish.objects.keep("reader@example.org", NOW)

    sending.queue_requested_links(NOW)
    sending.queue_requested_links(NOW)

    assert FreshLink.objects.count() == 1


def test_every_page_leads_there(client, db):
    assert f'href="{DOOR}"' in body(client.get("/"))
    assert path_of("https://news.example.org/preferences/") == DOOR


def test_the_door_says_what_it_opens(client, reader):
    opens = "See what was sent, change your address, download or delete your data"
    pages = [client.get(DOOR), client.get(path_of(reader.preferences_url))]

    assert [opens in body(page) for page in pages] == [True, True]
    assert ["write to" in body(page) for page in pages] == [False, False]


def test_a_page_says_how_many_letters_come_once_one_was_asked_for_and_not_before(client, ask, sign_up, reader):
    letter = path_of(reader.preferences_url)
    before = [client.get(DOOR), client.get("/subscribe/"), client.get(letter)]
    after = [ask("reader@example.org"), sign_up("b@example.org"), client.post(f"{letter}link/", follow=True)]
    reader.unsubscribe(NOW)
    after.append(client.post(f"{path_of(reader.unsubscribe_url)}back/"))

    assert ["three letters a day" in body(page) for page in before] == [False] * 3
    assert ["three letters a day" in body(page) for page in after] == [True] * 4


def test_an_old_link_leads_there_too(client, db):
    page = client.get("/mine/0AAAAAAAAAAAAAAAA/")

    assert page.status_code == 404
    assert f'href="{DOOR}"' in body(page)
