"""The page that every letter opens, and the one that only a fresh link opens."""

from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from kombu.exceptions import OperationalError

from newsletter.mail.mail_queue import send_next_of
from subscribers import tasks
from subscribers.mails import sending
from subscribers.models import Subscriber, Suppression, mail_queue
from subscribers.models.mail_queue import FreshLink
from tests.factories import make_publication, make_subscriber
from tests.subscribers.conftest import NOW, path_of
from tests.subscribers.mails.test_sending import Provider
from tests.subscribers.pages.test_views import body
from tests.support.letters import link_to, links_in_html, links_in_text

State = Subscriber.State


@pytest.fixture
def named(reader):
    """A reader with an address and a name that no page may show to a stranger."""
    Subscriber.objects.filter(pk=reader.pk).update(name="王小明")
    reader.refresh_from_db()
    return reader


@pytest.fixture
def ask(client, reader):
    def post(**where):
        return client.post(path_of(reader.preferences_url) + "link/", follow=True, **where)

    return post


@pytest.fixture
def provider(settings):
    settings.MAILERS = {"default": {"BACKEND": "tests.subscribers.mails.test_sending.Provider"}}
    Provider.answers, Provider.accepted = [], []
    return Provider


# --- What a letter opens ---


def test_no_page_that_a_letter_opens_shows_address_or_name(client, named):
    pages = [client.get(path_of(named.preferences_url)), client.get(path_of(named.unsubscribe_url))]
    pages.append(client.post(path_of(named.unsubscribe_url)))
    named.refresh_from_db()
    pages += [client.get(path_of(named.undo_url)), client.post(path_of(named.undo_url))]

    assert [page.status_code for page in pages] == [200] * 5
    for page in pages:
        assert "r•••@e•••.org" in body(page)
        assert "reader@" not in body(page)
        assert "王小明" not in body(page)


def test_the_pages_of_a_confirmation_show_no_address(client, sign_up, letters):
    sign_up("reader@example.org")
    letters()
    link = path_of(Subscriber.objects.get().confirm_url)

    for page in (client.get(link), client.post(link), client.post(link)):
        assert "r•••@e•••.org" in body(page)
        assert "reader@" not in body(page)


def test_a_letter_changes_neither_name_nor_address(client, named):
    path = path_of(named.preferences_url)

    answers = [client.post(path, {"name": "x"}), client.post(path + "address/", {"email": "x@example.net"})]
    token = path.split("/")[2]
    answers += [client.get(f"/mine/{token}/"), client.post(f"/mine/{token}/address/", {"email": "x@example.net"})]

    assert [answer.status_code for answer in answers] == [405, 404, 404, 404]
    named.refresh_from_db()
    assert (named.name, named.email, named.address_changes.exists()) == ("王小明", "reader@example.org", False)


# --- Asking for a fresh link ---


def test_the_link_goes_to_the_mailbox_of_the_reader_and_nowhere_else(ask, client, letters, named):
    page = ask()
    (letter,) = letters()
    link = path_of(link_to("/mine/", letter.body))

    assert "one with a link is on its way" in body(page)
    assert "/mine/" not in body(page)
    assert letter.to == ['"王小明" <reader@example.org>']
    assert "<strong>reader@example.org</strong>" in body(client.get(link))
    assert not FreshLink.objects.exists()


def test_both_parts_of_the_mail_have_the_same_links_and_a_machine_says_so(ask, letters):
    ask()

    (letter,) = letters()

    assert links_in_text(letter.body) == links_in_html(letter.alternatives[0][0])
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"
    assert letter.subject == "Your data at Gipi電子報: the link you asked for"


def test_the_page_answers_the_same_when_nothing_is_sent(ask, letters, reader):
    with_mail = body(ask())
    while mail_queue.consume_mail_quota(reader.email, NOW):
        pass
    FreshLink.objects.all().delete()
    without_budget = body(ask())
    reader.suppress(Suppression.Reason.COMPLAINED)
    suppressed = body(ask())

    assert with_mail == without_budget == suppressed
    assert letters() == []


def test_pressing_the_button_again_sends_one_mail(ask, letters):
    for _ in range(5):
        ask()

    assert len(letters()) == 1


def test_a_reader_gets_as_many_as_strangers_may_have_sent_to_a_mailbox(ask, letters):
    for _ in range(5):
        ask()
        letters()

    assert len(letters()) == 2  # and the confirmation of the sign-up


@pytest.mark.parametrize(("state", "gets_one"), [(State.PENDING, False), (State.UNSUBSCRIBED, True)])
def test_who_never_confirmed_gets_no_link(state, gets_one):
    assert sending.queue_link(make_subscriber(state=state), NOW) is gets_one
    assert FreshLink.objects.exists() is gets_one


def test_looking_asks_for_nothing(client, reader):
    assert client.get(path_of(reader.preferences_url) + "link/").status_code == 405


def test_a_queue_that_is_gone_loses_no_link(ask, letters, monkeypatch, caplog, django_capture_on_commit_callbacks):
    def refuse(*args, **options):
        raise OperationalError("no queue")

    monkeypatch.setattr(tasks.send_confirmations, "apply_async", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        assert ask().status_code == 200
    assert len(letters()) == 1  # by beat, later
    assert "queue fails" in caplog.text


# --- Sending it ---


@pytest.fixture
def wish():
    return FreshLink.objects.create(subscriber=make_subscriber("a@example.org"), asked_at=NOW, due_at=NOW)


def test_a_server_that_is_away_is_asked_again_with_a_link_that_is_fresh_then(wish, provider, client, clock):
    provider.answers = [SMTPServerDisconnected("gone")]
    send_next_of([sending.LinkMailQueue()], NOW)
    wish.refresh_from_db()
    assert (wish.tries, wish.due_at) == (0, NOW + timedelta(minutes=1))

    clock.shift(timedelta(minutes=40))
    assert send_next_of([sending.LinkMailQueue()], NOW + timedelta(minutes=40))

    (letter,) = provider.accepted
    assert client.get(path_of(link_to("/mine/", letter.body))).status_code == 200


# --- What the fresh link opens ---


def test_the_name_is_changed_on_the_page_of_a_fresh_link(client, reader):
    make_publication(asks_name=True)

    response = client.post(path_of(reader.data_url(NOW)), {"name": "  小\n明 "}, follow=True)

    reader.refresh_from_db()
    assert reader.name == "小 明"
    assert "Your name has been saved." in body(response)


@pytest.mark.parametrize(("minutes", "status"), [(0, 200), (29, 200), (30, 200), (31, 404), (600, 404)])
def test_a_fresh_link_opens_for_half_an_hour(client, reader, clock, minutes, status):
    link = path_of(reader.data_url(NOW))
    clock.shift(timedelta(minutes=minutes))

    response = client.get(link)

    assert response.status_code == status
    assert ("works for half an hour" in body(response)) is (status == 404)
    assert ("Mail me a new link" in body(response)) is (status == 404)


def test_a_link_of_the_future_opens_nothing(client, reader):
    assert client.get(path_of(reader.data_url(NOW + timedelta(minutes=1)))).status_code == 404


def test_a_fresh_link_ends_with_its_address(client, reader):
    link = path_of(reader.data_url(NOW))
    Subscriber.objects.filter(pk=reader.pk).update(email="new@example.net", address_hash="0" * 32)

    responses = [client.get(link), client.post(link, {"name": "x"})]

    assert [response.status_code for response in responses] == [404, 404]
    assert not any("new@" in body(response) for response in responses)


def test_who_has_left_changes_nothing_more(client, reader):
    reader.unsubscribe(NOW)
    link = path_of(reader.data_url(NOW))

    page, answer = client.get(link), client.post(link, {"name": "x"})

    assert (page.status_code, answer.status_code) == (200, 410)
    assert 'name="name"' not in body(page)
    reader.refresh_from_db()
    assert reader.name == ""


def test_a_name_that_is_too_long_is_explained(client, reader):
    make_publication(asks_name=True)

    response = client.post(path_of(reader.data_url(NOW)), {"name": "x" * 81})

    assert response.status_code == 422
    assert "at most 80" in body(response)
