import re
from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone
from kombu.exceptions import OperationalError

from subscribers import tasks
from subscribers.forms import sign_timestamp
from subscribers.models import Subscriber, Suppression
from subscribers.pages import views
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication, make_subscriber
from tests.subscribers.conftest import NOW, path_of

State = Subscriber.State
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def body(response) -> str:
    return " ".join(response.content.decode().split())


# --- The sign-up page ---


def test_a_publication_that_pauses_takes_nobody(client, sign_up):
    make_publication(takes_readers=False)

    page, answer = client.get("/subscribe/"), sign_up("reader@example.org")

    assert "takes no new readers at present" in body(page)
    assert 'name="email"' not in body(page)
    assert (page.status_code, answer.status_code) == (200, 403)
    assert not Subscriber.objects.exists()


def test_the_page_offers_issues_to_read_first(client):
    for number in range(1, 5):
        make_issue(make_post(), number=number, subject=f"第{number}號", sent_at=PUBLISHED_AT)

    page = body(client.get("/subscribe/"))

    assert [f"第{number}號" in page for number in (1, 2, 3, 4)] == [False, True, True, True]


def test_signing_up_makes_a_pending_reader_and_asks_for_one_letter(sign_up):
    response = sign_up("reader@example.org")

    subscriber = Subscriber.objects.get()
    assert response.status_code == 200
    assert "Look into your mailbox" in body(response)
    assert "<strong>reader@example.org</strong>" in body(response)
    assert (subscriber.state, subscriber.confirmation_due_at) == (State.PENDING, NOW)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("", "Enter your e-mail address."),
        ("reader", "This is not an e-mail address. One looks like you@example.com."),
        ("reader@@example.org", "This is not an e-mail address. One looks like you@example.com."),
        ("reader@example", "The part after @ is not complete. An address looks like you@example.com."),
        ("讀者@example.org", "The part before @ has letters that most mail servers refuse."),
        ("<script>@example.org", "This is not an e-mail address."),
        ("a@b.org\r\nBcc: c@d.org", "This is not an e-mail address."),
    ],
)
def test_a_malformed_address_is_explained_and_nothing_is_kept(sign_up, typed, answer):
    response = sign_up(typed)

    assert response.status_code == 422
    assert answer in body(response)
    assert "<script>@" not in body(response)
    assert not Subscriber.objects.exists()


def test_an_error_is_told_with_its_field(sign_up):
    page = body(sign_up("no address"))

    assert 'aria-invalid="true" aria-describedby="email-subscribe-error"' in page
    assert '<p class="field-error" id="email-subscribe-error" role="alert">' in page
    assert "aria-invalid" not in body(sign_up("reader@example.org"))


def test_the_answer_is_the_same_whoever_the_address_belongs_to(sign_up):
    make_subscriber("known@example.org")
    make_subscriber("left@example.org", state=State.UNSUBSCRIBED)
    make_subscriber("bounced@example.org").suppress(Suppression.Reason.BOUNCED)
    addresses = ["known@example.org", "left@example.org", "bounced@example.org", "new@example.org"]

    answers = {body(sign_up(address)).replace(address, "X") for address in addresses}

    assert len(answers) == 1


def test_a_reader_is_told_so_once_a_day_however_often_he_is_signed_up(sign_up, letters, clock):
    subscriber = make_subscriber("known@example.org")

    for minutes in range(0, 23 * 60, 60):
        clock.move_to(NOW + timedelta(minutes=minutes))
        sign_up("known@example.org")
        letters()

    assert [letter.subject for letter in letters()] == ["You already receive Gipi電子報"]
    assert subscriber.preferences_url in letters()[0].body


@pytest.mark.parametrize("error", [OperationalError("connection refused"), PermissionError(13, "queue")])
def test_a_queue_that_is_gone_loses_nothing_and_shows_nothing(
    sign_up, letters, monkeypatch, error, django_capture_on_commit_callbacks
):
    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(tasks.send_confirmations, "apply_async", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        response = sign_up("reader@example.org")

    assert response.status_code == 200
    assert len(letters()) == 1  # by beat, later


# --- Machines ---


@pytest.mark.parametrize(
    "trace",
    [
        {"stamp": ""},
        {"stamp": "123:forged"},
        {"stamp": sign_timestamp(NOW)},
        {"stamp": sign_timestamp(NOW - timedelta(days=2))},
        {"website": "https://spam.example"},
    ],
)
def test_a_form_filled_as_machines_do_costs_one_more_button(client, sign_up, trace):
    response = sign_up("reader@example.org", **trace)

    assert "I am a person, subscribe me" in body(response)
    assert not Subscriber.objects.exists()

    fields = {name: _hidden(response, name) for name in ("email", "place", "person")}
    assert "Look into your mailbox" in body(client.post("/subscribe/", fields))
    assert Subscriber.objects.get().email == "reader@example.org"


def test_the_second_button_opens_for_its_own_address_only(client, sign_up):
    response = sign_up("reader@example.org", stamp="")
    forged = {"email": "other@example.org", "person": _hidden(response, "person")}

    client.post("/subscribe/", forged)

    assert not Subscriber.objects.exists()


def _hidden(response, name: str) -> str:
    page = response.content.decode()
    start = page.index(f'name="{name}" value="') + len(f'name="{name}" value="')
    return page[start : page.index('"', start)]


# --- Confirming ---


@pytest.fixture
def asked(sign_up, letters):
    sign_up("reader@example.org")
    letters()
    return Subscriber.objects.get()


def test_the_letter_s_link_shows_one_form_with_one_button_and_changes_nothing(client, asked, letters):
    response = client.get(path_of(asked.confirm_url))

    main = body(response).split("<main")[1].split("</main>")[0]
    assert asked.confirm_url in letters()[0].body
    assert (main.count("<form"), main.count("<button"), main.count("<input")) == (1, 1, 0)
    asked.refresh_from_db()
    assert asked.state == State.PENDING


def test_the_button_confirms(client, asked):
    response = client.post(path_of(asked.confirm_url))

    asked.refresh_from_db()
    assert "Welcome, you are subscribed" in body(response)
    assert (asked.state, asked.confirmed_at, asked.welcomed_at) == (State.ACTIVE, NOW, None)
    assert list(Subscriber.objects.mailable(NOW)) == [asked]


@pytest.mark.parametrize(("days", "said"), [(364, "Welcome back"), (366, "Welcome, you are subscribed")])
def test_whoever_comes_back_within_a_year_is_welcomed_by_a_line_and_no_letter(
    client, sign_up, letters, reader, clock, days, said
):
    Subscriber.objects.update(welcomed_at=NOW)
    reader.unsubscribe(NOW)
    clock.shift(timedelta(days=days))
    sign_up("reader@example.org")
    letters()
    reader.refresh_from_db()

    page = client.post(path_of(reader.confirm_url))

    reader.refresh_from_db()
    assert said in body(page)
    assert ("A letter of welcome is on its way" in body(page)) is (days > 365)
    assert (reader.welcomed_at is None) is (days > 365)


@pytest.mark.parametrize("why", ["confirmed", "undone", "erased now", "unknown"])
def test_a_page_has_the_title_of_what_has_happened(why):
    page = body(views.closed_page(RequestFactory().get("/"), why, status=200))

    heading = re.search(r"<h1> ?(.*?) ?</h1>", page)[1]
    assert re.search(r"<title> ?(.*?) ?·", page)[1] == heading


def test_a_double_click_is_a_success_and_a_later_visit_a_clear_page(client, asked):
    link = path_of(asked.confirm_url)
    client.post(link)

    again, later = client.post(link), client.get(link)

    assert (again.status_code, later.status_code) == (200, 410)
    assert "You are subscribed already" in body(later)


def test_a_link_of_a_week_ago_sends_a_new_letter_without_asking_for_the_address(client, asked, letters, clock):
    clock.shift(timedelta(days=7, minutes=1))
    link = path_of(asked.confirm_url)

    closed = client.get(link)
    answer = client.post(link)

    assert closed.status_code == 410
    assert "This link is too old" in body(closed)
    assert 'type="email"' not in body(closed)
    assert len(letters()) == 2
    assert "Look into your mailbox" in body(answer)
    assert "reader@" not in body(answer)
    assert "One click is left" in body(client.get(link))


def test_an_old_link_brings_no_letter_while_nobody_is_taken(client, asked, letters, clock):
    clock.shift(timedelta(days=7, minutes=1))
    make_publication(takes_readers=False)

    assert client.post(path_of(asked.confirm_url)).url == "/subscribe/"
    assert len(letters()) == 1


def test_a_spent_link_does_not_bring_back_a_reader_who_left(client, asked):
    link = path_of(asked.confirm_url)
    client.post(link)
    asked.refresh_from_db()
    asked.unsubscribe(NOW)

    responses = [client.get(link), client.post(link)]

    assert [response.status_code for response in responses] == [410, 410]
    assert "This link has been used" in body(responses[0])
    asked.refresh_from_db()
    assert asked.state == State.UNSUBSCRIBED


@pytest.mark.parametrize("purpose", ["confirm", "unsubscribe", "preferences", "undo", "mine"])
def test_a_token_that_was_never_given_out_is_a_clear_404(client, asked, purpose):
    tokens = ["x", "1", "1" + "0" * 16, "!" * 20, "1" * 500, "管理"]

    responses = {token: client.get(f"/{purpose}/{token}/") for token in tokens}

    assert {token: response.status_code for token, response in responses.items()} == dict.fromkeys(tokens, 404)
    assert [token for token in tokens if "This link does not open" not in body(responses[token])] == []
    assert [token for token in tokens if 'href="/subscribe/"' not in body(responses[token])] == []


def test_a_token_opens_one_purpose(client, reader):
    token = path_of(reader.preferences_url).split("/")[2]

    assert client.get(f"/unsubscribe/{token}/").status_code == 404


def test_guessing_is_slow(client, reader):
    answers = [client.get(f"/unsubscribe/1{number:016}/").status_code for number in range(61)]

    assert (answers[0], answers[-1]) == (404, 429)
    assert client.get(path_of(reader.unsubscribe_url)).status_code == 200  # to others of that network


@pytest.mark.parametrize("page", ["confirm_url", "unsubscribe_url", "preferences_url", "mine"])
def test_the_page_of_a_token_is_kept_from_caches_searches_and_referers(client, asked, page):
    response = client.get(path_of(asked.data_url(NOW) if page == "mine" else getattr(asked, page)))

    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store, private"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert not response.cookies


# --- Leaving ---


def test_looking_at_the_link_changes_nothing(client, reader):
    link = path_of(reader.unsubscribe_url)

    responses = [client.get(link), client.head(link)]

    reader.refresh_from_db()
    assert [response.status_code for response in responses] == [200, 200]
    assert reader.state == State.ACTIVE


def test_the_button_leaves_and_offers_to_undo(client, reader):
    response = client.post(path_of(reader.unsubscribe_url))

    reader.refresh_from_db()
    assert response.status_code == 200
    assert (reader.state, reader.unsubscribed_at) == (State.UNSUBSCRIBED, NOW)
    assert f'action="{reader.undo_url}"' in body(response)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_one_click_leaves_at_once_from_anywhere(reader, content_type):
    provider = Client(enforce_csrf_checks=True)
    payload = "List-Unsubscribe=One-Click"
    if content_type == "multipart/form-data":
        content_type += "; boundary=b"
        payload = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    elsewhere = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}

    response = provider.post(path_of(reader.unsubscribe_url), payload, content_type=content_type, headers=elsewhere)

    reader.refresh_from_db()
    assert (response.status_code, response.content, dict(response.cookies)) == (200, b"OK", {})
    assert reader.state == State.UNSUBSCRIBED


def test_one_click_twice_keeps_the_first_moment(client, reader, clock):
    client.post(path_of(reader.unsubscribe_url), ONE_CLICK)
    clock.shift(timedelta(hours=1))

    response = client.post(path_of(reader.unsubscribe_url), ONE_CLICK)

    reader.refresh_from_db()
    assert response.status_code == 200
    assert reader.unsubscribed_at == NOW


def test_one_click_with_a_wrong_token_is_refused(client, reader):
    response = client.post(path_of(reader.unsubscribe_url)[:-2] + "~/", ONE_CLICK)

    assert response.status_code == 404


@pytest.mark.parametrize("how", ["get", "post"])
@pytest.mark.parametrize("door", ["unsubscribe_url", "preferences_url"])
def test_who_has_the_letter_of_a_reader_who_left_cannot_bring_them_back(client, letters, reader, door, how):
    client.post(path_of(reader.unsubscribe_url))
    reader.refresh_from_db()
    stranger = Client()
    if (door, how) == ("preferences_url", "post"):
        page = stranger.post(path_of(reader.unsubscribe_url) + "why/", {"sentence": "x"})
    else:
        page = getattr(stranger, how)(path_of(getattr(reader, door)))

    assert "You have left" in body(page)
    assert "/undo/" not in body(page)
    assert reader.token("undo") not in body(page)


def test_who_has_left_comes_back_by_a_letter_to_the_mailbox(client, letters, reader):
    reader.unsubscribe(NOW)

    page = client.post(path_of(reader.unsubscribe_url) + "back/")
    (letter,) = letters()
    reader.refresh_from_db()
    state_before = reader.state
    client.post(path_of(reader.confirm_url))

    reader.refresh_from_db()
    assert "a letter is on its way" in body(page)
    assert "reader@example.org" not in body(page)
    assert letter.to == ["reader@example.org"]
    assert (state_before, reader.state) == (State.UNSUBSCRIBED, State.ACTIVE)


def test_a_letter_brings_back_nobody_who_reads_still(client, letters, reader):
    response = client.post(path_of(reader.unsubscribe_url) + "back/")

    assert response.status_code == 404
    assert letters() == []


def test_while_nobody_is_taken_nobody_is_asked_back(client, letters, reader):
    make_publication(takes_readers=False)
    reader.unsubscribe(NOW)

    response = client.post(path_of(reader.unsubscribe_url) + "back/")

    assert response.url == "/subscribe/"
    assert letters() == []


def test_a_sentence_to_the_author_does_not_take_the_way_back(client, reader):
    client.post(path_of(reader.unsubscribe_url))
    reader.refresh_from_db()

    page = client.post(path_of(reader.unsubscribe_url) + "why/", {"sentence": "太多了", "undo": reader.token("undo")})

    assert f'action="{reader.undo_url}"' in body(page)


def test_leaving_can_be_undone_for_an_hour(client, reader, clock):
    reader.unsubscribe(NOW)
    clock.shift(timedelta(minutes=59))

    asked, done = client.get(path_of(reader.undo_url)), client.post(path_of(reader.undo_url))

    reader.refresh_from_db()
    assert "Come back?" in body(asked)
    assert "Welcome back" in body(done)
    assert (reader.state, reader.unsubscribed_at) == (State.ACTIVE, None)


def test_leaving_cannot_be_undone_after_an_hour(client, reader, clock):
    reader.unsubscribe(NOW)
    clock.shift(timedelta(hours=1, seconds=1))

    response = client.post(path_of(reader.undo_url))

    reader.refresh_from_db()
    assert response.status_code == 410
    assert reader.state == State.UNSUBSCRIBED


def test_an_undo_link_takes_back_its_own_leaving_only(client, reader, clock):
    reader.unsubscribe(NOW)
    link = path_of(reader.undo_url)
    client.post(link)
    clock.shift(timedelta(days=1))
    reader.unsubscribe(timezone.now())

    response = client.post(link)

    assert response.status_code == 404


def test_coming_back_by_the_form_needs_a_new_confirmation(client, sign_up, letters, reader):
    reader.unsubscribe(NOW)

    sign_up("reader@example.org")
    reader.refresh_from_db()
    state_before = reader.state
    sent = letters()
    client.post(path_of(reader.confirm_url))

    reader.refresh_from_db()
    assert state_before == State.UNSUBSCRIBED
    assert [letter.subject for letter in sent] == ["Please confirm: Gipi電子報"]
    assert reader.state == State.ACTIVE


def test_an_erased_reader_may_come_back_himself(client, sign_up, letters, reader):
    reader.erase()

    sign_up("reader@example.org")
    letters()
    client.post(path_of(Subscriber.objects.get().confirm_url))

    assert Subscriber.objects.mailable(NOW).count() == 1
    assert not Suppression.objects.exists()


# --- Preferences ---


@pytest.mark.parametrize(
    ("fields", "day"),
    [
        ({"length": "1"}, "2026-12-24"),
        ({"length": "3"}, "2027-02-24"),
        ({"length": "date", "until_on": "2027-11-24"}, "2027-11-24"),
    ],
)
def test_a_pause_ends_at_the_start_of_a_day_here(client, reader, fields, day):
    response = client.post(path_of(reader.preferences_url) + "pause/", fields, follow=True)

    reader.refresh_from_db()
    local = timezone.localtime(reader.paused_until, make_publication().zone)
    assert local.isoformat() == f"{day}T00:00:00+08:00"
    assert "Paused until" in body(response)
    assert list(Subscriber.objects.mailable(NOW)) == []
    assert list(Subscriber.objects.mailable(reader.paused_until)) == [reader]


@pytest.mark.parametrize(
    ("until_on", "answer"),
    [
        ("", "Choose the day on which letters should come again."),
        ("2026-11-24", "Choose a day after today."),
        ("2027-12-01", "A pause lasts a year at most. You can also unsubscribe."),
        ("tomorrow", "This is not a date. One looks like 2027-01-31."),
    ],
)
def test_a_pause_that_cannot_be_is_explained(client, reader, until_on, answer):
    response = client.post(path_of(reader.preferences_url) + "pause/", {"length": "date", "until_on": until_on})

    reader.refresh_from_db()
    assert response.status_code == 422
    assert answer in body(response)
    assert reader.state == State.ACTIVE


def test_a_pause_can_be_ended(client, reader):
    reader.pause(NOW + timedelta(days=30), NOW)

    response = client.post(path_of(reader.preferences_url) + "resume/", follow=True)

    reader.refresh_from_db()
    assert (reader.state, reader.paused_until) == (State.ACTIVE, None)
    assert "The next issue comes to you again. If any went out meanwhile, one mail lists them." in body(response)


def test_who_has_left_cannot_be_paused_back_in(client, reader):
    reader.unsubscribe(NOW)

    response = client.post(path_of(reader.preferences_url) + "pause/", {"length": "1"}, follow=True)

    reader.refresh_from_db()
    assert reader.state == State.UNSUBSCRIBED
    assert "You have left" in body(response)


def test_preferences_of_an_unconfirmed_address_stay_closed(client, asked):
    response = client.get(path_of(asked.preferences_url))

    assert response.status_code == 410
    assert "Your address is not confirmed" in body(response)


def test_who_asked_again_lately_is_not_forgotten(sign_up, asked, clock):
    clock.shift(timedelta(days=29))
    sign_up(asked.email)
    clock.shift(timedelta(days=29))

    tasks.forget_unconfirmed()

    assert Subscriber.objects.get().asked_times == 2


def test_sign_ups_that_nobody_confirmed_are_forgotten_after_thirty_days(sign_up, asked, clock):
    clock.shift(timedelta(days=29))
    tasks.forget_unconfirmed()
    kept = Subscriber.objects.count()

    clock.shift(timedelta(days=2))
    tasks.forget_unconfirmed()

    assert (kept, Subscriber.objects.count()) == (1, 0)
