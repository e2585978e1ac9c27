from datetime import timedelta

import pytest
import time_machine

from newsletter.delivery import tasks
from newsletter.delivery.letter import rendering
from newsletter.issues.models import Issue, Vote
from newsletter.issues.questions import NEW_BROWSERS_PER_HOUR, VOTES_PER_HOUR
from subscribers.models import Subscriber
from tests.factories import PUBLISHED_AT, make_issue, make_post, make_publication
from tests.support.page_checks import markup

NOW = PUBLISHED_AT + timedelta(days=3)
ASKED = {"question": "下一期先寫什麼？", "question_choices": "會議\n帶人\n<簡報>"}
VOTE = "/issues/7/question/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now():
    make_publication()
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def issue():
    return make_issue(make_post(), number=7, sent_at=PUBLISHED_AT, **ASKED)


def tallied(issue):
    return [one.times for one in Issue.objects.get(pk=issue.pk).tally()]


# --- In the letter ---


@pytest.fixture
def door(issue, make_mailing):
    """The address of an answer in the letter of a reader, by its number."""
    make_mailing("a")
    values = rendering.reader_values(Subscriber.objects.get(email="a@example.org"))
    path = values["feedback_url"].removeprefix("https://news.example.org")
    return lambda number: f"{path}7/q{number}/"


def test_a_letter_has_a_link_for_each_answer_in_both_parts_and_none_without_a_question():
    asking, silent = (
        rendering.freeze_letter(make_issue(make_post(), number=7 + n, **f)) for n, f in enumerate((ASKED, {}))
    )

    for number, label in ((1, "會議"), (3, "簡報")):
        assert f"{rendering.PLACEHOLDERS['feedback_url']}7/q{number}/" in asking.html
        assert f"{rendering.PLACEHOLDERS['feedback_url']}7/q{number}/" in asking.text
        assert label in asking.text
    assert "&lt;簡報&gt;" in asking.html
    assert "/q1/" not in silent.html + silent.text


def test_a_scanner_that_follows_every_link_answers_nothing_and_a_press_counts_once(client, issue, door):
    for number in (1, 2, 3):
        assert client.get(door(number)).status_code == 200
    assert tallied(issue) == [0, 0, 0]

    client.post(door(1), {"answer": "1"})
    page = client.post(door(1), {"answer": "3", "sentence": "多寫一點\n圖。"})

    assert "Your answer: &lt;簡報&gt;" in page.text
    assert tallied(issue) == [0, 0, 1]
    assert list(issue.votes.lines()) == ["多寫一點 圖。"]


def test_an_answer_names_no_reader_and_is_nobodys_once_the_question_is_closed(client, issue, door):
    client.post(door(1), {"answer": "2"})
    vote = Vote.objects.get()
    assert len(vote.voter) == 32

    make_issue(number=8, sent_at=NOW)
    tasks.delete_old_copies()

    vote.refresh_from_db()
    assert (vote.voter, Issue.objects.get(pk=issue.pk).question_salt) == ("", "")
    assert tallied(issue) == [0, 1, 0]


# --- On the page ---


def test_a_reader_of_the_page_answers_without_an_account_and_changes_the_answer(client, issue):
    page = client.get(issue.get_absolute_url())
    assert f'action="{VOTE}"' in page.text
    assert not page.cookies

    client.post(VOTE, {"answer": "1"})
    client.post(VOTE, {"answer": "2"})
    client.cookies.clear()
    client.post(VOTE, {"answer": "2"})  # somebody else

    assert tallied(issue) == [0, 2, 0]


@pytest.mark.parametrize("answer", ["", "0", "4", "x", "²", "9" * 40])
def test_an_answer_that_is_not_offered_counts_nothing(client, issue, answer):
    assert client.post(VOTE, {"answer": answer}).status_code == 200

    assert not Vote.objects.exists()


def test_a_flood_is_refused(client, issue):
    answers = [client.post(VOTE, {"answer": "1"}).status_code for _n in range(VOTES_PER_HOUR + 2)]

    assert answers[-2:] == [200, 429]
    assert tallied(issue) == [1, 0, 0]


@pytest.mark.parametrize(
    ("addresses", "times"),
    [
        (["203.0.113.7"] * 60, NEW_BROWSERS_PER_HOUR),
        ([f"2001:db8:1:{n:x}::1" for n in range(60)], NEW_BROWSERS_PER_HOUR),  # one customer's /48
        ([f"203.0.113.{n}" for n in range(1, 60)], 59),
    ],
    ids=["one address", "one customer of IPv6", "many"],
)
def test_whoever_forgets_the_cookie_gives_few_answers(client, issue, addresses, times):
    for address in addresses:
        client.cookies.clear()
        client.post(VOTE, {"answer": "1"}, REMOTE_ADDR=address)

    assert tallied(issue) == [times, 0, 0]


def test_answers_by_letter_and_from_the_page_are_told_apart(client, issue, door):
    client.post(door(1), {"answer": "1"})
    client.post(VOTE, {"answer": "1"})

    with time_machine.travel(PUBLISHED_AT + timedelta(days=14)):
        Issue.objects.update(shows_result=True)
        page = client.get(issue.get_absolute_url())

    assert "100% (2, 1 from the page)" in markup(page)


@pytest.mark.parametrize("shown", [True, False])
def test_a_question_closes_after_two_weeks_and_only_then_the_page_shows_its_result(client, issue, shown):
    Issue.objects.update(shows_result=shown)
    client.post(VOTE, {"answer": "2"})
    assert "100% (1, 1 from the page)" not in client.get(issue.get_absolute_url()).text

    with time_machine.travel(PUBLISHED_AT + timedelta(days=14)):
        late = client.post(VOTE, {"answer": "1"})
        page = client.get(issue.get_absolute_url())

    assert "This question is closed." in late.text
    assert f'action="{VOTE}"' not in page.text
    assert ("100% (1, 1 from the page)" in markup(page)) is shown
    assert tallied(issue) == [0, 1, 0]


@pytest.mark.parametrize("fields", [{"question": ""}, {"sent_at": None}])
def test_there_is_no_page_for_a_question_that_nobody_asked(client, issue, fields):
    Issue.objects.update(**fields)

    assert client.get(VOTE).status_code == 404
