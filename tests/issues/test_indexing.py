"""Issues are found by their own words."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from newsletter.issues.search import index_issue
from newsletter.posts.models import SearchDocument
from newsletter.posts.search.index import index_post, search
from tests.factories import PUBLISHED_AT, make_issue, make_post

pytestmark = pytest.mark.django_db
NOW = PUBLISHED_AT + timedelta(days=1)


def found(query):
    return [(result.kind, result.key) for result in search(query, now=NOW).results]


def test_an_issue_is_found_by_subject_preheader_introduction_and_closing():
    issue = make_issue(
        subject="談寫作", preheader="三個習慣", introduction="**前言**。", closing="下回見。", sent_at=PUBLISHED_AT
    )

    index_issue(issue)

    for query in ("寫作", "習慣", "前言", "下回"):
        assert found(query) == [("issue", issue.pk)], query


def test_an_issue_is_found_from_the_moment_it_was_sent():
    issue = make_issue(subject="管理")
    index_issue(issue)
    assert found("管理") == []

    issue.mark_sent(PUBLISHED_AT)
    index_issue(issue)

    assert found("管理") == [("issue", issue.pk)]
    assert SearchDocument.objects.count() == 1


def test_rebuilding_finds_posts_and_issues_that_nobody_indexed(capsys):
    post, issue = make_post("管理"), make_issue(subject="管理", sent_at=PUBLISHED_AT)
    gone = make_issue(subject="管理", sent_at=PUBLISHED_AT)
    index_issue(gone)
    gone.delete()
    index_post(post)
    SearchDocument.objects.update(tokens="")

    call_command("rebuild_search")

    assert capsys.readouterr().out == "2 documents can be found.\n"
    assert set(found("管理")) == {("post", post.pk), ("issue", issue.pk)}


@pytest.mark.parametrize("query", ["第5期", "第 5 期", "Issue 5", "issue 5", "#5"])
def test_an_issue_is_found_by_its_number(query):
    index_issue(make_issue(number=15, subject="冬", sent_at=PUBLISHED_AT))
    index_issue(make_issue(number=5, subject="秋", sent_at=PUBLISHED_AT))

    assert [result.url for result in search(query, now=NOW).results][:1] == ["/issues/5/"]
