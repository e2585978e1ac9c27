"""Issues are found by their own words."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command

from newsletter.issues.archiving import document, documents, index_issue
from newsletter.posts.models import SearchDocument
from newsletter.posts.models.renderings import Rendering
from newsletter.posts.search.index import index_post, search
from tests.factories import PUBLISHED_AT, make_findable_post, make_issue, make_post, make_publication
from tests.support.pages import markup

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


def test_an_issue_does_not_tell_what_its_posts_say():
    draft = make_post("草稿", body="秘密。", published_at=None)

    index_issue(make_issue(draft, sent_at=PUBLISHED_AT))

    assert found("草稿") == found("秘密") == []


def test_an_issue_is_found_from_the_moment_it_was_sent():
    issue = make_issue(subject="管理")
    index_issue(issue)
    assert found("管理") == []

    issue.mark_sent(PUBLISHED_AT)
    index_issue(issue)

    assert found("管理") == [("issue", issue.pk)]
    assert SearchDocument.objects.count() == 1


def test_another_number_leads_to_another_page():
    issue = make_issue(subject="管理", number=7, sent_at=PUBLISHED_AT)
    index_issue(issue)
    issue.number = 8

    index_issue(issue)

    assert [result.url for result in search("管理", now=NOW).results] == ["/issues/8/"]


def test_the_texts_of_an_issue_are_rendered_when_it_is_indexed():
    index_issue(make_issue(introduction="*前言*", closing="下回見。"))

    assert set(Rendering.objects.values_list("html", flat=True)) == {"<p><em>前言</em></p>", "<p>下回見。</p>"}


def test_documents_are_those_of_every_issue_in_their_order():
    later, earlier = make_issue(number=9), make_issue(number=8)

    assert list(documents()) == [document(earlier), document(later)]


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


def test_what_was_found_says_what_it_is(client):
    make_publication()
    index_issue(make_issue(number=5, subject="談提問", introduction="談提問。", sent_at=PUBLISHED_AT))
    make_findable_post("再談提問")

    page = markup(client.get("/search/?q=提問"))

    assert set(re.findall(r'<p class="byline"><span>([^<]*)</span>', page)) == {"Issue 5", "Post"}
