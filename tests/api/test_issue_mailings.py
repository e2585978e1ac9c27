"""A mailing by the API: how far it is, its result, and the brakes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from newsletter.delivery.models import Mailing
from newsletter.delivery.models.mailing import Alert
from newsletter.delivery.planning import approving
from newsletter.operation.accounts.roles import EDITOR
from subscribers.models import Sentence, Subscriber
from tests.api.conftest import Program
from tests.delivery.results.issues import HOUR, LONG_AGO, come, sent
from tests.delivery.results.issues import NOW as SENT_AT
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber

NOW = datetime(2026, 11, 24, 2, 39, tzinfo=UTC)
BRAKES = ("cancel", "pause", "resume")

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def program(db):
    make_publication(hold_minutes=3)
    make_subscriber()
    return Program(make_helper(EDITOR, name="edith", email="edith@example.org"))


@pytest.fixture
def mailing(program):
    """One that the author has scheduled on the desk, for tomorrow."""
    issue = make_issue(make_post(), number=7, subject="第七期")
    return approving.approve(issue, send_at=NOW + timedelta(days=1), now=NOW, hold=timedelta())


def act(program, name, number=7):
    return program.post(f"/issues/{number}/mailing/{name}")


def test_an_issue_without_a_mailing_has_a_state_all_the_same(program):
    make_issue(number=7)

    assert program.get("/issues/7/mailing").json() == {
        "number": 7,
        "status": "none",
        **dict.fromkeys(("total", "queued", "sending", "sent", "failed", "uncertain", "skipped"), 0),
        "send_at": None,
        "finished_at": None,
        "segment": "",
        "reason": "",
    }


def test_a_mailing_is_cancelled_before_its_time(program, mailing):
    answer = act(program, "cancel")

    mailing.refresh_from_db()
    assert (answer.status_code, answer.json()["status"], mailing.state) == (200, "cancelled", "cancelled")
    assert mailing.steps.last().by == "edith (Obsidian)"
    assert program.get("/issues/7").json()["state"] == "draft"


def test_a_pause_says_who_it_was_and_a_resume_gives_the_hold_again_and_tells_the_author(program, mailing, clock):
    paused = act(program, "pause")
    clock.move_to(mailing.send_at)
    resumed = act(program, "resume")

    assert (paused.json()["status"], paused.json()["reason"]) == ("paused", "Paused by edith (Obsidian).")
    assert (resumed.json()["status"], resumed.json()["send_at"]) == ("scheduled", "2026-11-25T10:54:00+08:00")
    assert Alert.objects.get().kind == "announced"


def test_a_resume_of_what_has_begun_goes_on_at_once_and_announces_nothing(program, mailing):
    Mailing.objects.update(state="sending", planned_at=NOW)
    act(program, "pause")

    resumed = act(program, "resume")

    assert resumed.json()["status"] == "sending"
    assert not Alert.objects.exists()


def test_a_resume_is_refused_where_nobody_could_be_told(program, mailing):
    act(program, "pause")
    type(program.user).objects.update(email="")

    assert act(program, "resume").status_code == 409
    mailing.refresh_from_db()
    assert mailing.state == "paused"


def test_a_text_whose_quote_was_taken_back_is_not_resumed(program, mailing):
    mailing.pause("A reader has taken back a quote.", cause=Mailing.Cause.QUOTE)

    answer = act(program, "resume")

    assert (answer.status_code, answer.json()["detail"]) == (409, "A reader has taken back a quote.")


@pytest.mark.parametrize("name", BRAKES)
def test_what_is_over_is_not_stopped_any_more(program, mailing, name):
    Mailing.objects.update(state="sent", planned_at=NOW, finished_at=NOW)

    answer = act(program, name)

    assert answer.status_code == 409
    assert answer.json()["detail"] == "Nothing was changed: this mailing is sent by now."


# --- The result ---


def test_there_is_no_result_before_the_mailing_is_over(program, mailing):
    answer = program.get("/issues/7/result")

    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no result before the mailing is over.")


def test_the_result_is_that_of_the_desk_and_its_sentences_need_a_scope(program, clock):
    come(3, LONG_AGO)
    sent(9, SENT_AT)
    clock.move_to(SENT_AT + HOUR + timedelta(days=3))
    said = {"kind": "feedback", "issue": 9, "text": "很有用", "at": timezone.now()}
    Sentence.objects.create(subscriber=Subscriber.objects.first(), **said)
    owner = make_helper("owner")

    without = program.get("/issues/9/result").json()
    with_them = Program(owner, "issues:read", "readers:read").get("/issues/9/result").json()
    not_theirs = Program(owner, "issues:read").get("/issues/9/result").json()

    assert (without["issue"], without["copies"]["sent"]) == (9, with_them["copies"]["sent"])
    assert "sentences" not in without
    assert "sentences" not in not_theirs
    assert with_them["sentences"] == ["很有用"]


def test_the_brakes_are_those_of_the_last_mailing(program, mailing):
    act(program, "cancel")
    again = approving.approve(mailing.issue, send_at=NOW + timedelta(days=2), now=NOW, hold=timedelta())

    assert program.get("/issues/7/mailing").json()["status"] == "scheduled"
    answer = act(program, "pause")

    again.refresh_from_db()
    assert (answer.status_code, again.state) == (200, "paused")
