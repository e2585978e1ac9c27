"""The rehearsal that runs by itself: after a rest, once for each state of a letter, never two at a time."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from newsletter.delivery.models.rehearsals import Rehearsal
from newsletter.delivery.planning import approving
from newsletter.desk import auto_rehearsal, tasks
from newsletter.issues.models import Issue
from newsletter.posts.models import Post
from tests.factories import make_helper, make_issue, make_post, make_publication, make_subscriber

pytestmark = pytest.mark.django_db
BEGUN = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
RESTED = BEGUN + auto_rehearsal.IDLE_TIME


@pytest.fixture
def clock():
    with time_machine.travel(BEGUN, tick=False) as clock:
        yield clock


@pytest.fixture
def issue(clock):
    make_publication()
    return make_issue(make_post("管理槓桿"), number=7, subject="第七期")


def edit(issue: Issue, clock, at: datetime, **fields: str) -> None:
    clock.move_to(at)
    for name, value in fields.items():
        setattr(issue, name, value)
    issue.save()


def finish(rehearsal: Rehearsal | None, at: datetime) -> None:
    assert rehearsal is not None
    rehearsal.finish([], at)


def test_it_begins_after_a_rest_and_not_before(issue):
    early = auto_rehearsal.rehearse_idle_draft(RESTED - timedelta(seconds=1))
    found = auto_rehearsal.rehearse_idle_draft(RESTED)

    assert early is None
    assert (found.issue, found.segment, found.finished_at) == (issue, "", None)
    assert {remark["topic"] for remark in found.remarks} >= {"audience", "size", "copies", "links"}


def test_a_state_of_the_letter_is_rehearsed_once(issue, clock):
    finish(auto_rehearsal.rehearse_idle_draft(RESTED), RESTED)
    later = RESTED + timedelta(minutes=5)
    edit(issue, clock, later)  # saved, and nothing is different

    again = auto_rehearsal.rehearse_idle_draft(later + auto_rehearsal.IDLE_TIME)

    assert again is None
    assert Rehearsal.objects.count() == 1


@pytest.mark.parametrize("what", ["issue", "post", "publication"])
def test_a_change_of_what_readers_get_is_rehearsed_anew(issue, clock, what):
    finish(auto_rehearsal.rehearse_idle_draft(RESTED), RESTED)
    later = RESTED + timedelta(minutes=5)
    clock.move_to(later)
    if what == "issue":
        edit(issue, clock, later, subject="另一個主旨")
    elif what == "post":
        post = Post.objects.get()
        post.body = "改過的一段。"
        post.save()
    else:
        make_publication(sender_name="另一個人")

    found = auto_rehearsal.rehearse_idle_draft(later + auto_rehearsal.IDLE_TIME)

    assert found is not None
    assert Rehearsal.objects.count() == 2


def test_no_two_run_at_a_time_and_one_that_came_to_a_stop_hinders_nobody(issue):
    other = make_issue(make_post(), number=8)

    first = auto_rehearsal.rehearse_idle_draft(RESTED)
    meanwhile = auto_rehearsal.rehearse_idle_draft(RESTED + timedelta(seconds=10))
    after_a_stop = auto_rehearsal.rehearse_idle_draft(RESTED + timedelta(minutes=4))

    assert (first.issue, meanwhile, after_a_stop.issue) == (issue, None, other)


@pytest.mark.parametrize("what", ["empty", "approved", "sent"])
def test_what_is_no_draft_with_posts_is_left_alone(clock, what):
    make_publication()
    issue = make_issue(*([] if what == "empty" else [make_post()]))
    make_subscriber()
    if what == "approved":
        approving.approve(issue, send_at=BEGUN + timedelta(days=2), now=BEGUN, hold=timedelta())
    elif what == "sent":
        issue.mark_sent(BEGUN)

    assert auto_rehearsal.rehearse_idle_draft(RESTED) is None


def test_the_task_goes_on_outside_and_closes_the_rehearsal(issue, clock, monkeypatch):
    clock.move_to(RESTED)
    monkeypatch.setattr(auto_rehearsal, "rehearse", offline)

    tasks.rehearse_by_itself()

    assert Rehearsal.objects.get().finished_at == RESTED


def offline(*args):
    """A rehearsal that asks nobody outside: no test does."""
    return REHEARSE(*args)._replace(links=[])


REHEARSE = auto_rehearsal.rehearse


# --- Its dot on the page of the issue ---


@pytest.fixture
def editor(client, issue):
    client.force_login(make_helper("editor"))
    return client


def dot(client, issue) -> str:
    return client.get(reverse("admin:issue_rehearsal_dot", args=[issue.pk])).text


def test_the_page_says_that_a_rehearsal_comes_and_then_what_it_found(editor, issue, clock):
    clock.move_to(RESTED)
    before = dot(editor, issue)
    found = auto_rehearsal.rehearse_idle_draft(RESTED)
    running = dot(editor, issue)
    found.remarks = [
        {"topic": "links", "level": "warning", "text": "一個連結很慢", "hint": "開開看"},
        {"topic": "size", "level": "ok", "text": "不大", "hint": ""},
    ]
    found.finish([], RESTED)
    after = dot(editor, issue)

    assert "runs by itself in a moment" in before
    assert "under way" in running
    assert ["data-comes" in one for one in (before, running, after)] == [True, True, False]
    assert "is-doubtful" in after
    assert "1 finding" in after
    assert "一個連結很慢" in after
    assert "1 other thing is as it should be." in after
