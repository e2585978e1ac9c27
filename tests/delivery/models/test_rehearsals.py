"""A rehearsal stands for exactly what was rehearsed: whatever is edited, it no longer counts."""

from datetime import timedelta

import pytest

from newsletter.delivery.models.rehearsals import (
    STUCK_AFTER,
    Rehearsal,
    RehearsalRemark,
    RehearsalStatus,
    rehearsal_digest,
)
from newsletter.delivery.rehearsal import unsaved_mailing
from newsletter.issues.models import Issue, IssueItem
from tests.delivery.conftest import NOW
from tests.factories import make_post, make_publication


def kept(issue, segment="", **fields):
    digest = rehearsal_digest(unsaved_mailing(issue, segment, NOW).content_hash, segment)
    defaults = {"digest": digest, "started_at": NOW, "told_at": NOW, "finished_at": NOW}
    return Rehearsal.objects.create(issue=issue, segment=segment, **(defaults | fields))


def standing(issue, segment="", now=NOW):
    return Rehearsal.objects.standing(issue, segment, unsaved_mailing(issue, segment, now).content_hash, now)


def test_without_a_rehearsal_there_is_none(issue):
    assert standing(issue) == RehearsalStatus.NONE


def test_a_finished_one_without_an_error_is_valid_for_as_long_as_nothing_changes(issue):
    kept(issue, remarks=[{"level": "warning"}])

    assert standing(issue, now=NOW + timedelta(days=30)) == RehearsalStatus.VALID


def edit_post(issue):
    post = issue.items.get().post
    post.body += "多一句。"
    post.save()


EDITS = {
    "subject": lambda issue: Issue.objects.update(subject="別的主旨"),
    "body": edit_post,
    "posts": lambda issue: IssueItem.objects.create(issue=issue, post=make_post("另一篇"), position=9),
    "sender": lambda issue: make_publication(sender_email="else@news.example.org"),
    "look": lambda issue: make_publication(accent="#123456"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_any_edit_voids_it(issue, edit):
    kept(issue)
    assert standing(issue) == RehearsalStatus.VALID

    EDITS[edit](issue)
    issue.refresh_from_db()

    assert standing(issue) == RehearsalStatus.OUTDATED


def test_one_with_an_error_is_faulty(issue):
    kept(issue, remarks=[{"level": "ok"}, {"level": "error"}, {"level": "warning"}])

    assert standing(issue) == RehearsalStatus.FAULTY


def test_one_that_is_not_finished_runs_until_no_worker_goes_on(issue):
    kept(issue, finished_at=None)

    assert standing(issue, now=NOW + STUCK_AFTER) == RehearsalStatus.RUNNING
    assert standing(issue, now=NOW + STUCK_AFTER + timedelta(seconds=1)) == RehearsalStatus.STUCK


def test_progress_keeps_it_running(issue):
    found = kept(issue, finished_at=None)

    found.progress(3, NOW + STUCK_AFTER)

    assert standing(issue, now=NOW + STUCK_AFTER * 2) == RehearsalStatus.RUNNING


def test_the_last_one_counts(issue):
    kept(issue)
    kept(issue, remarks=[{"level": "error"}])

    assert standing(issue) == RehearsalStatus.FAULTY


def test_two_workers_do_not_both_begin(issue):
    found = kept(issue, finished_at=None)

    assert [found.begin(NOW), found.begin(NOW)] == [True, False]


def test_remarks_are_told_by_topic_with_those_that_ask_for_something_first(issue):
    found = kept(issue, finished_at=None, remarks=[{"topic": "links", "level": "ok", "text": "甲"}])

    remarks = [
        RehearsalRemark("sender", "info", "丙"),
        RehearsalRemark("links", "error", "乙"),
        RehearsalRemark("size", "ok", "丁"),
    ]
    found.finish([*remarks, RehearsalRemark("text", "warning", "戊")], NOW)

    found.refresh_from_db()
    told = [(str(label), [one["text"] for one in remarks]) for label, remarks in found.by_topic()]
    assert told == [("Links", ["甲", "乙"]), ("Text part", ["戊"]), ("Size", ["丁"]), ("Sender and DNS", ["丙"])]
    assert found.worst == "error"
