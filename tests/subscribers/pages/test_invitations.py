"""A reader's link to pass on: a sign-up like any other, counted as a number when a new reader confirms."""

import json

import pytest

from subscribers import author_actions
from subscribers.author_actions import ActionContext
from subscribers.models import Consent, Invitation, Invited, Subscriber
from tests.factories import make_publication
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.pages.test_way_in import hidden_fields, text_of

SITE = "https://news.example.org"


@pytest.fixture
def door(reader):
    """The path of the link that stands in the letters of reader@example.org."""
    make_publication(invites=True)
    return path_of(reader.invite_url)


def come_by(door, client, sign_up, email="friend@example.org"):
    """Sign up by somebody's link as a browser does, and return the sign-up."""
    carried = hidden_fields(client.get(door))
    sign_up(email, invite=carried["invite"], place=carried["place"], HTTP_REFERER=SITE + door)
    return Subscriber.objects.get(email=email)


def confirm(client, newcomer):
    newcomer.refresh_from_db()
    return client.post(path_of(newcomer.confirm_url))


def counted():
    return list(Invited.objects.values_list("subscriber__email", "readers"))


def test_a_friend_signs_up_by_the_link_and_is_counted_once_when_they_confirm(client, sign_up, door):
    friend = come_by(door, client, sign_up)
    assert counted() == []

    confirm(client, friend)
    confirm(client, friend)

    assert counted() == [("reader@example.org", 1)]
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    "leave",
    [
        lambda friend: friend.unsubscribe(NOW),
        lambda friend: author_actions.unsubscribe([friend.pk], ActionContext(NOW, by="gipi")),
    ],
    ids=["by themselves", "by the author"],
)
def test_who_left_before_they_confirmed_and_comes_alone_later_is_not_counted(client, sign_up, door, leave):
    friend = come_by(door, client, sign_up)
    leave(friend)
    assert not Invitation.objects.exists()
    Subscriber.objects.filter(pk=friend.pk).update(state=Subscriber.State.PENDING, unsubscribed_at=None)

    confirm(client, friend)

    assert counted() == []


def test_nothing_that_is_kept_says_by_whom_a_reader_came(client, sign_up, door, reader):
    friend = come_by(door, client, sign_up)
    confirm(client, friend)

    kept = " ".join(Consent.objects.filter(subscriber=friend).values_list("source", flat=True))
    assert kept == "web:subscribe invited link"  # by whose is not kept
    rows = json.dumps([list(Subscriber.objects.filter(pk=friend.pk).values())], default=str)
    assert door.split("/")[2] not in rows
    assert reader.email not in rows


def test_the_link_opens_nothing_of_the_reader_who_passed_it_on(client, reader, door):
    page = client.get(door)
    token = door.split("/")[2]

    assert reader.email not in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store, private"
    for other in ("preferences", "unsubscribe", "mine", "confirm", "undo", "feedback"):
        assert client.get(f"/{other}/{token}/").status_code in {404, 405}
    assert Subscriber.objects.get().state == Subscriber.State.ACTIVE


@pytest.mark.parametrize("token", ["2AbCdEfGhIjKlMnOpQrS", "x", "<b>"])
def test_a_link_that_was_made_up_shows_the_ordinary_page_and_counts_for_nobody(client, sign_up, reader, token):
    make_publication(invites=True)

    assert "Your e-mail address" in client.get(f"/invite/{token}/", follow=True).text
    sign_up("friend@example.org", invite=token)
    confirm(client, Subscriber.objects.get(email="friend@example.org"))

    assert counted() == []


def test_it_is_carried_over_the_pages_that_ask_for_more(client, sign_up, door):
    invite = hidden_fields(client.get(door))["invite"]

    slip = sign_up("friend@gmial.com", invite=invite)
    wrong = sign_up("friend@", invite=invite)
    fast = client.post("/subscribe/", {"email": "friend@example.org", "invite": invite})

    assert {hidden_fields(page)["invite"] for page in (slip, wrong, fast)} == {invite}
    assert "invited you" in text_of(wrong)


def test_who_was_a_reader_before_is_nobody_new(client, sign_up, door, reader):
    friend = come_by(door, client, sign_up)
    confirm(client, friend)
    friend.refresh_from_db()
    friend.unsubscribe(NOW)
    client_again = come_by(door, client, sign_up)
    confirm(client, client_again)
    assert counted() == [("reader@example.org", 1)]

    friend.erase()
    confirm(client, come_by(door, client, sign_up))

    assert counted() == [("reader@example.org", 1)]


def test_who_changed_their_mind_before_confirming_leaves_nothing(client, sign_up, door):
    friend = come_by(door, client, sign_up)
    assert Invitation.objects.count() == 1

    client.post(path_of(friend.unsubscribe_url))

    assert not Invitation.objects.exists()


def test_a_reader_who_was_erased_meanwhile_costs_the_friend_nothing(client, sign_up, door, reader):
    friend = come_by(door, client, sign_up)
    reader.erase()

    answer = confirm(client, friend)

    assert "you are subscribed" in answer.text
    assert counted() == []


def test_the_reader_sees_the_number_and_takes_it_along(client, sign_up, door, reader):
    assert "Nobody has come by your link yet." in client.get(path_of(reader.data_url(NOW))).text

    for name in ("a", "b"):
        confirm(client, come_by(door, client, sign_up, f"{name}@example.org"))

    mine = path_of(reader.data_url(NOW))
    assert "2 readers have come by your link." in text_of(client.get(mine))
    assert f'href="{reader.invite_url}"' in client.get(mine).text
    assert client.get(f"{mine}data.json").json()["readers_invited"] == 2
    assert "reader,,readers_invited,2" in client.get(f"{mine}data.csv").content.decode()
    assert "How many readers came by your link" in client.get("/privacy/").text


def test_as_it_comes_there_is_no_link_and_none_is_counted(client, sign_up, reader):
    door = path_of(reader.invite_url)

    assert client.get(door).headers["Location"] == "/subscribe/"
    sign_up("friend@example.org", invite=door.split("/")[2])
    confirm(client, Subscriber.objects.get(email="friend@example.org"))

    assert counted() == []
    assert "your link" not in client.get(path_of(reader.data_url(NOW))).text
    assert "came by your link" not in client.get("/privacy/").text
