"""What many sign-ups cost: nobody is turned away who is a person, and a sender of thousands gains nothing."""

import html
import json
from datetime import timedelta

import altcha
import pytest
from django.core import mail
from django.utils import timezone

from subscribers import signup, tasks
from subscribers.forms import sign_timestamp
from subscribers.models import Subscriber
from tests.factories import make_publication
from tests.subscribers.conftest import NOW
from tests.support.page_checks import assert_valid

BUTTON, WAIT = "I am a person, subscribe me", "I can wait, subscribe me"
DONE = "Look into your mailbox"


@pytest.fixture(autouse=True)
def _short_sums(monkeypatch):
    monkeypatch.setattr(signup, "TRIES_MAX", 3)


@pytest.fixture
def person(client):
    """Somebody who fills the form and does what the pages ask; the steps are what they asked."""

    def come(email: str, *, has_scripts: bool = True, address: str = "203.0.113.7") -> list[str]:
        page = client.post("/subscribe/", form(email), REMOTE_ADDR=address)
        steps = []
        while (step := what_is_asked(page)) in {"button", "proof"}:
            steps.append(step)
            page = client.post("/subscribe/", answer(page, has_scripts=has_scripts), REMOTE_ADDR=address)
        return [*steps, step]

    return come


def form(email: str, place: str = "home") -> dict[str, str]:
    return {"email": email, "place": place, "stamp": sign_timestamp(timezone.now() - timedelta(seconds=5))}


def what_is_asked(page) -> str:
    steps = {BUTTON: "button", WAIT: "proof", DONE: "done", "Please press the button again at": "closed"}
    return next(step for text, step in steps.items() if text in page.text)


def answer(page, *, has_scripts: bool) -> dict[str, str]:
    """Return what the page's button sends; a browser with scripts adds the proof."""
    names = ("email", "place", "person", "waits")
    fields = {name: found for name in names if (found := attribute(page, f'name="{name}" value'))}
    if has_scripts and "data-sum" in page.text:
        fields["altcha"] = solved(attribute(page, "data-sum"))
    return fields


def attribute(page, name: str) -> str:
    _before, found, rest = page.text.partition(f'{name}="')
    return html.unescape(rest.partition('"')[0]) if found else ""


def solved(text: str) -> str:
    challenge = altcha.Challenge.from_dict(json.loads(text))
    return altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()


def sent_to() -> set[str]:
    """Let the task run until nothing is due, and return who has got a letter."""
    for _round in range(2):
        tasks.send_confirmations()
    return {letter.to[0] for letter in mail.outbox}


# --- A class, a lecture hall, a telephone company ---


def test_sixty_people_behind_one_address_sign_up_in_five_minutes_and_all_get_their_letter(person, clock):
    asked = []
    for number in range(60):
        asked.append(person(f"pupil{number}@school.example"))
        clock.shift(5)

    assert all(steps[-1] == "done" for steps in asked)
    assert max(len(steps) for steps in asked) == 2  # one more button or one proof, never both
    assert [steps[0] for steps in asked].count("done") >= 10
    assert sent_to() == {f"pupil{number}@school.example" for number in range(60)}


def test_without_scripts_they_wait_for_ten_minutes(person, clock):
    asked = [person(f"pupil{number}@school.example", has_scripts=False) for number in range(60)]
    at_once = len(sent_to())

    clock.shift(timedelta(minutes=10))

    assert all(steps[-1] == "done" for steps in asked)
    assert at_once == 30
    assert len(sent_to()) == 60


def test_the_page_says_when_the_letter_leaves(client, monkeypatch):
    make_publication(time_zone="Asia/Taipei")
    monkeypatch.setattr(signup, "BUTTON_LIMIT", 0)
    page = client.post("/subscribe/", form("reader@example.org") | {"waits": "1"})

    assert "waits its turn and leaves at 16:10" in page.text


# --- Senders of thousands of forms ---


def test_many_addresses_do_not_shut_the_door_for_others(person, monkeypatch):
    monkeypatch.setattr(signup, "RUSH_THRESHOLD", 10)
    bombed = [person(f"v{number}@example.com", address=f"198.51.100.{number % 8}")[0] for number in range(16)]

    assert bombed == ["done"] * 10 + ["proof"] * 6  # which their senders would have to work out
    assert person("reader@example.org") == ["proof", "done"]


def test_in_a_rush_six_of_a_network_wait_and_those_of_others_beside_them(person, monkeypatch):
    monkeypatch.setattr(signup, "RUSH_THRESHOLD", 0)
    steps = [person(f"v{number}@example.com", has_scripts=False, address="198.51.100.7") for number in range(8)]

    assert [one[-1] for one in steps] == ["done"] * 6 + ["closed"] * 2
    assert person("reader@example.org", has_scripts=False) == ["proof", "done"]


def test_what_was_refused_or_repeated_does_not_count_for_all(client, monkeypatch):
    monkeypatch.setattr(signup, "RUSH_THRESHOLD", 2)

    pages = [client.post("/subscribe/", form("reader@example.org")) for _post in range(6)]

    assert [what_is_asked(page) for page in pages] == ["done"] * 6


def test_last_of_all_the_door_says_when_it_opens_and_keeps_what_was_typed(client, person, clock, monkeypatch):
    make_publication(time_zone="Asia/Taipei")
    monkeypatch.setattr(signup, "SIGNUPS_PER_HOUR_MAX", 3)
    clock.shift(timedelta(minutes=17, seconds=30))
    for number in range(3):
        person(f"reader{number}@example.org")

    page = client.post("/subscribe/", form("one-more@example.org", "post"), REMOTE_ADDR="203.0.113.7")
    assert (page.status_code, page.headers["Retry-After"]) == (429, "2550")
    assert "Please press the button again at 17:00" in page.text
    assert 'value="one-more@example.org"' in page.text
    assert attribute(page, 'name="place" value') == "post"

    clock.shift(2550)
    assert person("one-more@example.org") == ["done"]


def test_a_closed_door_is_open_to_other_networks(person, monkeypatch):
    monkeypatch.setattr(signup, "SIGNUPS_PER_HOUR_MAX", 1)
    person("a@example.org")

    assert person("b@example.org") == ["closed"]
    assert person("b@example.org", address="203.0.113.8") == ["done"]


def test_the_addresses_of_one_ipv6_household_are_one_network(person, monkeypatch):
    monkeypatch.setattr(signup, "OPEN_LIMIT", 1)
    person("a@example.org", address="2001:db8::1")

    assert person("b@example.org", address="2001:db8::2") == ["button", "done"]
    assert person("c@example.org", address="2001:db8:0:1::2") == ["done"]


# --- What the pages send along ---


@pytest.mark.parametrize("step", ["button", "proof"])
def test_every_page_keeps_address_and_place(client, monkeypatch, step):
    monkeypatch.setattr(signup, "OPEN_LIMIT", 0)
    monkeypatch.setattr(signup, "BUTTON_LIMIT", 0 if step == "proof" else 9)

    page = client.post("/subscribe/", form("reader@example.org", "post"))
    client.post("/subscribe/", answer(page, has_scripts=True))

    assert what_is_asked(page) == step
    assert Subscriber.objects.get().email == "reader@example.org"
    assert Subscriber.objects.get().consents.get().source == "web:post"


@pytest.mark.parametrize("language", ["zh-hant", "en"])
@pytest.mark.parametrize("limit", ["OPEN_LIMIT", "BUTTON_LIMIT", "SIGNUPS_PER_HOUR_MAX"])
def test_every_page_is_valid_and_sends_no_foreign_request(client, monkeypatch, limit, language):
    make_publication(language=language)
    monkeypatch.setattr(signup, "OPEN_LIMIT", 0)
    monkeypatch.setattr(signup, limit, 0)

    page = client.post("/subscribe/", form("reader@example.org"))
    waiting = client.post("/subscribe/", form("other@example.org") | {"waits": "1"})

    assert_valid(page.text)
    assert_valid(waiting.text)
    assert 'src="http' not in page.text


def test_a_proof_is_for_one_sign_up(client, monkeypatch):
    monkeypatch.setattr(signup, "BUTTON_LIMIT", 0)
    monkeypatch.setattr(signup, "OPEN_LIMIT", 0)
    fields = answer(client.post("/subscribe/", form("reader@example.org")), has_scripts=True)
    del fields["waits"]

    answers = [client.post("/subscribe/", fields | {"email": email}) for email in ("x@example.org", fields["email"])]
    again = client.post("/subscribe/", fields)

    assert [what_is_asked(page) for page in [*answers, again]] == ["proof", "done", "proof"]
    assert [row.email for row in Subscriber.objects.all()] == ["reader@example.org"]


def test_a_page_that_was_open_for_half_an_hour_asks_anew(client, clock, monkeypatch):
    monkeypatch.setattr(signup, "OPEN_LIMIT", 0)
    page = client.post("/subscribe/", form("reader@example.org"))

    clock.shift(timedelta(minutes=30, seconds=1))

    assert what_is_asked(client.post("/subscribe/", answer(page, has_scripts=True))) == "button"
    assert not Subscriber.objects.exists()


def test_whoever_has_a_proof_after_all_waits_no_longer(client, person, monkeypatch):
    monkeypatch.setattr(signup, "BUTTON_LIMIT", 0)
    monkeypatch.setattr(signup, "OPEN_LIMIT", 0)
    person("reader@example.org", has_scripts=False)

    assert sent_to() == set()
    person("reader@example.org", has_scripts=True)

    assert sent_to() == {"reader@example.org"}


def test_a_letter_that_the_provider_puts_off_is_not_hurried(person):
    person("reader@example.org")
    later = NOW + timedelta(minutes=4)
    Subscriber.objects.update(confirmation_due_at=later, confirmation_tries=2)

    person("reader@example.org")

    assert Subscriber.objects.get().confirmation_due_at == later
