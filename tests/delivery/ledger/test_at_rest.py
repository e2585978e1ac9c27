"""One statement says whether the dispatcher has anything to do; where it says no, no step has."""

import ast
import inspect
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsletter.delivery import tasks
from newsletter.delivery.ledger import at_rest, claims, uncertain
from newsletter.delivery.ledger.at_rest import is_at_rest
from newsletter.delivery.ledger.uncertain import Evidence, Known
from newsletter.delivery.models import Batch, Mailing, Refusal
from newsletter.delivery.models.restorations import Restoration
from newsletter.delivery.planning import approving, beginning
from newsletter.delivery.provider.outcomes import Answer, Outcome
from newsletter.operation.resting import HEARTBEAT_SECONDS
from tests.delivery.conftest import NOW, Provider

LATER = NOW + timedelta(hours=1)
GONE = Outcome(Answer.FAILED, "550 5.1.1 no such user")
SILENCE = Outcome(Answer.UNCERTAIN, "no answer after the final dot")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_locks(settings, tmp_path):
    settings.LOCK_DIR, settings.DATA_DIR = tmp_path / "locks", tmp_path


@pytest.fixture
def _between_the_five_minutes(monkeypatch):
    monkeypatch.setattr(at_rest, "ANYWAY_SECONDS", 0)


@pytest.fixture
def over(make_mailing, run):
    """A mailing of which everything is written down: b's address is dead, nobody knows about c, the others have it."""
    mailing = make_mailing("abcd")
    for _ in range(3):  # silence ends a lane
        Mailing.objects.update(retry_at=None)
        mailing.refresh_from_db()
        run(mailing, Provider(b=GONE, c=SILENCE))
    tasks.take_steps(LATER)
    assert Mailing.objects.get().state == Mailing.State.SENT
    return mailing


def writes_of_steps(now):
    with CaptureQueriesContext(connection) as asked:
        tasks.take_steps(now)
    return [one["sql"] for one in asked if not one["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))]


def test_an_installation_without_a_mailing_is_at_rest(publication):
    assert is_at_rest(NOW)
    assert writes_of_steps(NOW) == []


def test_a_mailing_that_waits_for_its_time_leaves_it_at_rest_until_then(issue):
    approving.approve(issue, send_at=LATER, now=NOW, hold=timedelta())

    assert is_at_rest(LATER - timedelta(seconds=1))
    assert not is_at_rest(LATER)


def test_a_mailing_that_is_over_and_counted_leaves_it_at_rest(over):
    assert is_at_rest(LATER)
    assert Mailing.objects.get().counted_at == LATER
    assert writes_of_steps(LATER) == []


def test_a_mailing_that_was_cancelled_before_it_began_leaves_it_at_rest(make_mailing):
    assert make_mailing("ab", planned=False).cancel(NOW)

    assert is_at_rest(LATER)
    assert writes_of_steps(LATER) == []


def test_a_mailing_to_nobody_leaves_it_at_rest_once_it_is_counted(make_mailing):
    make_mailing("")
    assert not is_at_rest(LATER)

    tasks.take_steps(LATER)

    assert is_at_rest(LATER)
    assert writes_of_steps(LATER) == []


def leased(mailing):
    assert beginning.plan(mailing, NOW)
    claims.claim(mailing, "another/0/x", NOW)


def sending(mailing):
    assert beginning.plan(mailing, NOW)
    Batch.objects.update(state=Batch.State.DONE)


def paused(mailing):
    sending(mailing)
    mailing.refresh_from_db()
    assert mailing.pause()


def cancelled(mailing):
    assert beginning.plan(mailing, NOW)
    assert mailing.cancel(NOW)
    Mailing.objects.update(counted_at=NOW)  # whatever else is missing


def due(_mailing):
    pass


@pytest.mark.parametrize("stage", [due, leased, sending, paused, cancelled])
def test_a_mailing_in_this_stage_is_looked_after(make_mailing, stage):
    stage(make_mailing("ab", planned=False))

    assert not is_at_rest(LATER)


def not_counted():
    Mailing.objects.update(counted_at=None)


def with_a_refusal():
    assert Refusal.objects.update(state=Refusal.State.WAITING)


def with_a_copy_to_send_again():
    assert uncertain.decide_all(Mailing.objects.get(), Evidence(Known.AGAIN, LATER), seen=0)


@pytest.mark.parametrize(
    "what_is_left",
    [
        not_counted,
        with_a_refusal,
        with_a_copy_to_send_again,
    ],
)
def test_what_is_left_of_a_mailing_that_is_over_is_looked_after(over, what_is_left):
    what_is_left()

    assert not is_at_rest(LATER)


@pytest.mark.usefixtures("_between_the_five_minutes")
def test_the_dispatcher_of_an_installation_at_rest_asks_one_question(over, django_assert_num_queries):
    with django_assert_num_queries(1):
        tasks.dispatch()


def test_what_the_question_leaves_out_waits_for_five_minutes_at_most(make_mailing, monkeypatch):
    mailing = make_mailing("ab", planned=False)
    monkeypatch.setattr(at_rest, "is_at_rest", lambda _now: True)
    looks = [NOW.replace(minute=7, second=0) + timedelta(seconds=HEARTBEAT_SECONDS) * turn for turn in range(20)]

    for now in looks:
        monkeypatch.setattr(tasks.timezone, "now", lambda now=now: now)
        tasks.dispatch()

    mailing.refresh_from_db()
    assert mailing.state != Mailing.State.SCHEDULED


def test_while_it_is_undecided_what_a_restored_database_has_forgotten_nothing_is_done(make_mailing):
    mailing = make_mailing("ab", planned=False)
    Restoration.objects.create(noticed_at=NOW, departures=0, records=[])

    tasks.dispatch()

    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.SCHEDULED


def test_the_question_knows_each_step_of_the_dispatcher():
    """One that is added needs a line in the question, and a stage above: else it is forgotten at rest."""
    steps = ast.parse(inspect.getsource(tasks.take_steps))
    calls = {ast.unparse(one.func) for one in ast.walk(steps) if isinstance(one, ast.Call)}

    assert {one for one in calls if not one.startswith("Mailing.objects")} == {
        "recovery.sweep",
        "recovery.settle_cancelled",
        "recovery.reopen",
        "alerts.observe_unattended",
        "beginning.begin_due",
        "wake_lanes",
        "mailing.finish",
        "suppressing.settle",
        "breakdown.count_one",
        "apart",
    }
